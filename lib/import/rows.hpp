#pragma once
#include "import/registry.hpp"

namespace kv {

extern const ImportFormat kMooncakeFormat, kAiperfFormat, kBailianFormat, kServegenFormat;
extern const ImportFormat kAzureFormat, kBurstgptFormat;
extern const ImportFormat kSharegptFormat, kOpenaiFormat;
extern const ImportFormat kVllmEventsFormat;

}  // namespace kv
