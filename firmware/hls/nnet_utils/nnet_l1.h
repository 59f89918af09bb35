#ifndef NNET_L1_H_
#define NNET_L1_H_

// Operations of a Level-1 network that hls4ml has no layer for. Arithmetic between ap_fixed numbers is
// exact; the only roundings and overflows are the assignments to the types that the network names.

#include "nnet_common.h"

namespace nnet {

struct l1_config {
    static const unsigned n_in = 1;
};

// The same numbers for every event; data is not read.
template <class data_T, class res_T, typename CONFIG_T>
void l1_constant(data_T data[1], res_T res[CONFIG_T::n_in], typename CONFIG_T::value_t value[CONFIG_T::n_in]) {
    #pragma HLS PIPELINE

    for (unsigned ii = 0; ii < CONFIG_T::n_in; ii++) {
        res[ii] = value[ii];
    }
}

// (x - offset) cast to inner_t, shifted right (left if negative) within its bits, cast to the result.
// shifted_t is inner_t without rounding and saturation, so that the last cast is always a real one.
template <class data_T, class res_T, typename CONFIG_T>
void l1_offset_shift(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in],
                     typename CONFIG_T::offset_t offset[CONFIG_T::n_in],
                     typename CONFIG_T::shift_t shift[CONFIG_T::n_in]) {
    #pragma HLS function_instantiate variable=offset,shift
    #pragma HLS PIPELINE

    for (unsigned ii = 0; ii < CONFIG_T::n_in; ii++) {
        typename CONFIG_T::inner_t moved = data[ii] - offset[ii];
        typename CONFIG_T::shifted_t bits = moved;
        res[ii] = bits >> shift[ii].to_int();
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void l1_quantize(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in]) {
    #pragma HLS PIPELINE

    for (unsigned ii = 0; ii < CONFIG_T::n_in; ii++) {
        res[ii] = data[ii];
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void l1_square(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in]) {
    #pragma HLS PIPELINE

    for (unsigned ii = 0; ii < CONFIG_T::n_in; ii++) {
        res[ii] = data[ii] * data[ii];
    }
}

// Every element is cast to accum_t before it is added, in order.
template <class data_T, class res_T, typename CONFIG_T> void l1_sum(data_T data[CONFIG_T::n_in], res_T res[1]) {
    #pragma HLS PIPELINE

    typename CONFIG_T::accum_t total = 0;
    for (unsigned ii = 0; ii < CONFIG_T::n_in; ii++) {
        typename CONFIG_T::accum_t term = data[ii];
        total += term;
    }
    res[0] = total;
}

} // namespace nnet

#endif
