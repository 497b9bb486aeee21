#pragma once
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

namespace kv {

/// Both ends belong to it.
struct Between {
  std::uint32_t low = 0, high = 0;
  bool operator==(const Between&) const = default;
};

/// Requests that are alike. Ranges say between what their figures lie; they are spread evenly over it.
struct Stratum {
  enum Kind : std::uint32_t {
    fresh,    ///< shares nothing
    shared,   ///< shares its first blocks: `blocks` of them
    grown,    ///< shares all but its last blocks: `blocks` of them are its own
    repeated  ///< shares all of its blocks
  };
  std::uint32_t kind = fresh;
  std::uint32_t requests = 0;
  Between when;            ///< of the requests in order of arrival, in 1/10,000 of them
  Between blocks;          ///< see Kind; 0 where that says nothing
  Between distance;        ///< of the deepest shared block, in blocks: see ReuseTable
  std::uint32_t left = 0;  ///< blocks of the prompt that it is shared with, beyond the shared ones
  Between input, output;   ///< of the requests in order of length, in 1/10,000 of them
  bool operator==(const Stratum&) const = default;
};

/// Lengths in order: the one at `rank`, from 0 on; between two knots they lie on a line.
struct Knot {
  std::uint32_t rank = 0, tokens = 0;
  bool operator==(const Knot&) const = default;
};

/// Where in the LRU stack shared blocks were when they were asked for: a block at distance d is a hit from d blocks of
/// cache on.
struct ReuseTable {
  std::vector<std::uint32_t> capacities;  ///< rising; the last is the largest distance
  struct Part {
    std::uint64_t refs = 0;           ///< block references
    std::vector<std::uint64_t> hits;  ///< those at a distance up to capacities[i], but not up to capacities[i - 1]
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts;  ///< of the requests in order of arrival, equal numbers of them
  bool operator==(const ReuseTable&) const = default;
};

/// What `kvtrace fit` keeps of a trace: enough to make one like it, with nothing of whom it came from.
struct FittedProfile {
  Tokens block_size{512};
  std::uint32_t requests = 0;
  std::uint32_t tick_ms = 1;     ///< arrivals are multiples of it
  std::uint32_t last_ms = 0;     ///< length of the last minute, at most 59,999: the last request arrives at its end
  std::uint32_t input_step = 1;  ///< inputs are multiples of it
  std::vector<std::uint32_t> minutes;  ///< requests in each
  std::vector<Knot> input, output;
  std::vector<Stratum> strata;
  ReuseTable reuse;
  bool operator==(const FittedProfile&) const = default;
};

}  // namespace kv
