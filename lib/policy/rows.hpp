#pragma once
#include "policy/policy.hpp"

namespace kv {

// Functions, because help texts of other tables are made of these rows before main begins.
PolicyRow lru_row();
PolicyRow fifo_row();
PolicyRow lfu_row();
PolicyRow sieve_row();
PolicyRow s3_fifo_row();
PolicyRow arc_row();
PolicyRow gdsf_row();
PolicyRow length_aware_row();
PolicyRow leaf_lru_row();
PolicyRow belady_row();

}  // namespace kv
