from paramsched.engines import accelerate as accelerate
from paramsched.engines import lightning as lightning
from paramsched.engines import pytorch_accelerated as pytorch_accelerated
from paramsched.engines import transformers as transformers
