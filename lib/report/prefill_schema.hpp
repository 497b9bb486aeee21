#pragma once
#include "report/fields.hpp"

namespace kv {

/// JSON Schema (draft 7) of what make_profile_document() of prefill/profile.hpp makes; a test keeps it equal to the
/// file.
Json prefill_schema();

}  // namespace kv
