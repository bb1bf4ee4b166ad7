"""The contracts: one module for each kind of driver, and `lifecycle` for the hooks.

Contracts carry bytes and plain values at their edges. `api` on each class is the version of its contract: it rises only
when a required method changes. What a driver may or may not be able to do is a capability: declared once as data on the
class, read by the run-time refusal, the conformance suite, the docs and ``celeriac plugins show``.
"""
