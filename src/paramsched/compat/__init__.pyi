from paramsched.compat import gradual_warmup as gradual_warmup
from paramsched.compat import pytorch_accelerated as pytorch_accelerated
from paramsched.compat import torch as torch
