#pragma once
#include "backend/backend.hpp"
#include "policy/handle_index.hpp"

namespace kv {

using KeyIndex = HandleIndex<Key>;

}  // namespace kv
