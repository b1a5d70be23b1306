"""The messages of Caffe's files, as far as a MemNet file uses them, for the protobuf library.

Field numbers, names, types and defaults are those of ``src/caffe/proto/caffe.proto`` of BVLC Caffe
1.0. They are built into a private descriptor pool, so that a Caffe installed beside this package
(whose generated code registers the same names) is not disturbed.

One declaration differs on purpose: the values of a blob (``data``, ``double_data`` and their
gradients) are declared ``repeated bytes``. A packed number field and a bytes field look alike on
the wire, so each packed run arrives as bytes that NumPy can view, without a loop over 57 million
numbers in Python.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# A field a line: number, label (? optional, * repeated), type, name, default.
# A type in capitals-first spelling is a message or an enum of this table.
_MESSAGES = {
    "BlobShape": "1 * int64 dim",
    "BlobProto": """
        7 ? BlobShape shape
        5 * bytes data
        6 * bytes diff
        8 * bytes double_data
        9 * bytes double_diff
        1 ? int32 num 0
        2 ? int32 channels 0
        3 ? int32 height 0
        4 ? int32 width 0""",
    "FillerParameter": """
        1 ? string type constant
        2 ? float value 0
        3 ? float min 0
        4 ? float max 1
        5 ? float mean 0
        6 ? float std 1
        7 ? int32 sparse -1
        8 ? int32 variance_norm 0""",
    "NetState": """
        1 ? Phase phase TEST
        2 ? int32 level 0
        3 * string stage""",
    "NetStateRule": """
        1 ? Phase phase
        2 ? int32 min_level
        3 ? int32 max_level
        4 * string stage
        5 * string not_stage""",
    "ParamSpec": """
        1 ? string name
        2 ? int32 share_mode
        3 ? float lr_mult 1
        4 ? float decay_mult 1""",
    "TransformationParameter": """
        1 ? float scale 1
        2 ? bool mirror false
        3 ? uint32 crop_size 0
        4 ? string mean_file
        5 * float mean_value
        6 ? bool force_color false
        7 ? bool force_gray false""",
    "ConvolutionParameter": """
        1 ? uint32 num_output
        2 ? bool bias_term true
        3 * uint32 pad
        4 * uint32 kernel_size
        6 * uint32 stride
        18 * uint32 dilation
        9 ? uint32 pad_h 0
        10 ? uint32 pad_w 0
        11 ? uint32 kernel_h
        12 ? uint32 kernel_w
        13 ? uint32 stride_h
        14 ? uint32 stride_w
        5 ? uint32 group 1
        7 ? FillerParameter weight_filler
        8 ? FillerParameter bias_filler
        15 ? Engine engine
        16 ? int32 axis 1
        17 ? bool force_nd_im2col false""",
    "PoolingParameter": """
        1 ? PoolMethod pool MAX
        4 ? uint32 pad 0
        9 ? uint32 pad_h 0
        10 ? uint32 pad_w 0
        2 ? uint32 kernel_size
        5 ? uint32 kernel_h
        6 ? uint32 kernel_w
        3 ? uint32 stride 1
        7 ? uint32 stride_h
        8 ? uint32 stride_w
        11 ? Engine engine
        12 ? bool global_pooling false""",
    "LRNParameter": """
        1 ? uint32 local_size 5
        2 ? float alpha 1
        3 ? float beta 0.75
        4 ? NormRegion norm_region ACROSS_CHANNELS
        5 ? float k 1
        6 ? Engine engine""",
    "InnerProductParameter": """
        1 ? uint32 num_output
        2 ? bool bias_term true
        3 ? FillerParameter weight_filler
        4 ? FillerParameter bias_filler
        5 ? int32 axis 1
        6 ? bool transpose false""",
    "ReLUParameter": """
        1 ? float negative_slope 0
        2 ? Engine engine""",
    "DropoutParameter": "1 ? float dropout_ratio 0.5",
    "InputParameter": "1 * BlobShape shape",
    "DataParameter": """
        1 ? string source
        4 ? uint32 batch_size
        7 ? uint32 rand_skip 0
        8 ? int32 backend 0
        2 ? float scale 1
        3 ? string mean_file
        5 ? uint32 crop_size 0
        6 ? bool mirror false
        9 ? bool force_encoded_color false
        10 ? uint32 prefetch 4""",
    "ImageDataParameter": """
        1 ? string source
        4 ? uint32 batch_size 1
        7 ? uint32 rand_skip 0
        8 ? bool shuffle false
        9 ? uint32 new_height 0
        10 ? uint32 new_width 0
        11 ? bool is_color true
        2 ? float scale 1
        3 ? string mean_file
        5 ? uint32 crop_size 0
        6 ? bool mirror false
        12 ? string root_folder""",
    "AccuracyParameter": """
        1 ? uint32 top_k 1
        2 ? int32 axis 1
        3 ? int32 ignore_label""",
    "LossParameter": """
        1 ? int32 ignore_label
        3 ? int32 normalization 1
        2 ? bool normalize""",
    "V1LayerParameter": """
        2 * string bottom
        3 * string top
        4 ? string name
        32 * NetStateRule include
        33 * NetStateRule exclude
        5 ? V1Type type
        6 * BlobProto blobs
        1001 * string param
        1002 * int32 blob_share_mode
        7 * float blobs_lr
        8 * float weight_decay
        35 * float loss_weight
        27 ? AccuracyParameter accuracy_param
        10 ? ConvolutionParameter convolution_param
        11 ? DataParameter data_param
        12 ? DropoutParameter dropout_param
        15 ? ImageDataParameter image_data_param
        17 ? InnerProductParameter inner_product_param
        18 ? LRNParameter lrn_param
        19 ? PoolingParameter pooling_param
        30 ? ReLUParameter relu_param
        36 ? TransformationParameter transform_param
        42 ? LossParameter loss_param""",
    "LayerParameter": """
        1 ? string name
        2 ? string type
        3 * string bottom
        4 * string top
        10 ? Phase phase
        5 * float loss_weight
        6 * ParamSpec param
        7 * BlobProto blobs
        11 * bool propagate_down
        8 * NetStateRule include
        9 * NetStateRule exclude
        100 ? TransformationParameter transform_param
        101 ? LossParameter loss_param
        102 ? AccuracyParameter accuracy_param
        106 ? ConvolutionParameter convolution_param
        107 ? DataParameter data_param
        108 ? DropoutParameter dropout_param
        115 ? ImageDataParameter image_data_param
        117 ? InnerProductParameter inner_product_param
        118 ? LRNParameter lrn_param
        121 ? PoolingParameter pooling_param
        123 ? ReLUParameter relu_param
        143 ? InputParameter input_param""",
    "NetParameter": """
        1 ? string name
        3 * string input
        8 * BlobShape input_shape
        4 * int32 input_dim
        5 ? bool force_backward false
        6 ? NetState state
        7 ? bool debug_info false
        100 * LayerParameter layer
        2 * V1LayerParameter layers""",
}

# V1LayerParameter.LayerType; the numbers are 0, 1, 2 ... in this order.
_V1_TYPES = """
    NONE ACCURACY BNLL CONCAT CONVOLUTION DATA DROPOUT EUCLIDEAN_LOSS FLATTEN HDF5_DATA HDF5_OUTPUT
    IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN MULTINOMIAL_LOGISTIC_LOSS POOLING RELU SIGMOID
    SOFTMAX SOFTMAX_LOSS SPLIT TANH WINDOW_DATA ELTWISE POWER SIGMOID_CROSS_ENTROPY_LOSS HINGE_LOSS
    MEMORY_DATA ARGMAX THRESHOLD DUMMY_DATA SLICE MVN ABSVAL SILENCE CONTRASTIVE_LOSS EXP
    DECONVOLUTION
"""

_ENUMS = {
    "Phase": ("TRAIN", "TEST"),
    "Engine": ("DEFAULT", "CAFFE", "CUDNN"),
    "PoolMethod": ("MAX", "AVE", "STOCHASTIC"),
    "NormRegion": ("ACROSS_CHANNELS", "WITHIN_CHANNEL"),
    "V1Type": tuple(_V1_TYPES.split()),
}


@cache
def message_class(name: str) -> Any:
    """Return the class of one of Caffe's messages, for example ``"NetParameter"``."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"memnet.caffe.{name}"))


@cache
def _pool() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="memnet/caffe.proto", package="memnet.caffe", syntax="proto2"
    )
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, lines in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for line in lines.strip().splitlines():
            _add_field(message, *line.split())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(
    message: Any, number: str, label: str, kind: str, name: str, default: str = ""
) -> None:
    kinds = descriptor_pb2.FieldDescriptorProto
    field = message.field.add(name=name, number=int(number))
    field.label = kinds.LABEL_REPEATED if label == "*" else kinds.LABEL_OPTIONAL
    if kind in _MESSAGES or kind in _ENUMS:
        field.type = kinds.TYPE_MESSAGE if kind in _MESSAGES else kinds.TYPE_ENUM
        field.type_name = f".memnet.caffe.{kind}"
    else:
        field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    if default:
        field.default_value = default
