"""Plans in files: YAML, TOML, JSON, and the dialects of other libraries; every fault at once, with its path."""

from paramsched.config._bases import NO_BASES as NO_BASES
from paramsched.config._bases import Bases as Bases
from paramsched.config._bases import Loaded as Loaded
from paramsched.config._check import Finding as Finding
from paramsched.config._check import check as check
from paramsched.config._dialects import BaseLike as BaseLike
from paramsched.config._dialects import Dialect as Dialect
from paramsched.config._dialects import dialects as dialects
from paramsched.config._dialects import formats as formats
from paramsched.config._files import convert as convert
from paramsched.config._files import dump as dump
from paramsched.config._files import load as load
from paramsched.config._files import load_with_bases as load_with_bases
from paramsched.config._files import loads as loads
from paramsched.config._files import loads_with_bases as loads_with_bases
from paramsched.config._schema import schema as schema
