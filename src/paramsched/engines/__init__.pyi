from paramsched.engines import accelerate as accelerate
from paramsched.engines import engine_facts as engine_facts  # this, `reporting` and `writes`: for adapters elsewhere
from paramsched.engines import lightning as lightning
from paramsched.engines import pytorch_accelerated as pytorch_accelerated
from paramsched.engines import reporting as reporting
from paramsched.engines import transformers as transformers
from paramsched.engines import writes as writes
