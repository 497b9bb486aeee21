# base/version.hpp, refreshed at build time so that --version names the commit that was built.
include_guard()
# Times of a sanitized build are no times: its name says what it is, and reports warn of it.
set(KVKIT_BUILD_NAME "${CMAKE_BUILD_TYPE}")
if(KVKIT_SANITIZE)
  string(APPEND KVKIT_BUILD_NAME "+${KVKIT_SANITIZE}")
endif()
set(KVKIT_GENERATED ${PROJECT_BINARY_DIR}/generated)
add_custom_target(kvkit_version_header
  BYPRODUCTS ${KVKIT_GENERATED}/base/version_info.hpp
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUT=${KVKIT_GENERATED}/base/version_info.hpp
    -DVERSION=${PROJECT_VERSION} -DBUILD_TYPE=${KVKIT_BUILD_NAME} -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake
  VERBATIM)
add_library(kvkit_version INTERFACE)
add_dependencies(kvkit_version kvkit_version_header)
target_include_directories(kvkit_version INTERFACE ${KVKIT_GENERATED})
