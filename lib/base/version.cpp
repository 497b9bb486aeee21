#include "base/version.hpp"

#include "base/version_info.hpp"  // generated; the only place that is rebuilt when the revision changes

namespace kv {

Version version() { return {KVKIT_VERSION, KVKIT_REVISION, KVKIT_BUILD_TYPE}; }

}  // namespace kv
