#pragma once
#include "profile/component.hpp"

namespace kv {

extern const ComponentRow kConversation, kAgent, kRag, kBatch, kOneshot;

}  // namespace kv
