"""Support for peers, the libraries whose schedulers, arguments and configs are read: a module or package for each."""
