"""Clean networks, one file each, with their sources on top and the shapes down the side."""

from memnet.weights.networks import register_network

NETWORKS = {
    "memnet48": "memnet.reimpl.memnet:MemNet48",
    "memnet96": "memnet.reimpl.memnet:MemNet96",
    "resmem": "memnet.reimpl.resmem:ResMem",
    "m3m": "memnet.reimpl.m3m:M3M",
}
"""Which class is which architecture: those that can be trained."""

for _arch, _network in NETWORKS.items():
    register_network(_arch, _network)
