"""The original MemNet (MIT, 2015): reading Caffe's files, conversion, network."""
