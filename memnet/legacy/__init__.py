"""The original MemNet (MIT, 2015): reading Caffe's files, conversion, network."""

from memnet.weights.networks import register_network

register_network("memnet", "memnet.legacy.network:MemNetCaffe")
