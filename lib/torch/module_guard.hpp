#pragma once
// Included by module*.cpp alone.
#include <ATen/ATen.h>

#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "torch/abi.h"

namespace kv {

inline void say(char* err, std::size_t size, const std::string& what) {
  if (size > 0) std::snprintf(err, size, "%s", what.c_str());
}

/// The allocators' own words, which differ by device and version: a class of its own came with 1.13 for CUDA only.
inline bool tells_out_of_memory(const std::string& what) {
  return what.find("out of memory") != std::string::npos || what.find("can't allocate memory") != std::string::npos;
}

/// Runs `work` so that no exception crosses the border.
template <class Work>
int guarded(char* err, std::size_t size, Work&& work) {
  try {
    work();
    return 0;
  } catch (const c10::Error& e) {
    const std::string what = e.what_without_backtrace();
    say(err, size, (tells_out_of_memory(what) ? KVKIT_TORCH_OUT_OF_MEMORY : "") + what);
  } catch (const std::bad_alloc&) {
    say(err, size, KVKIT_TORCH_OUT_OF_MEMORY "the host has none left");
  } catch (const std::exception& e) {
    say(err, size, e.what());
  } catch (...) {
    say(err, size, "LibTorch threw something unknown");
  }
  return -1;
}

inline at::ScalarType scalar_type(std::uint32_t dtype) {
  switch (dtype) {
    case KVKIT_TORCH_FP32:
      return at::kFloat;
    case KVKIT_TORCH_BF16:
      return at::kBFloat16;
    case KVKIT_TORCH_FP16:
      return at::kHalf;
    case KVKIT_TORCH_FP8:
    case KVKIT_TORCH_INT8:
      return at::kByte;
    default:
      throw std::invalid_argument("unknown dtype");
  }
}

/// Those that a decoder computes in and keeps.
inline at::ScalarType float_type(std::uint32_t dtype) {
  if (dtype != KVKIT_TORCH_FP32 && dtype != KVKIT_TORCH_BF16 && dtype != KVKIT_TORCH_FP16) {
    throw std::invalid_argument("not a floating-point dtype");
  }
  return scalar_type(dtype);
}

}  // namespace kv
