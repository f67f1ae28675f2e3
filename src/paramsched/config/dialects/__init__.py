"""The former paths of `paramsched.peers`."""
