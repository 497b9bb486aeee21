# `cmake --install` and find_package(kvkit).
include_guard()
include(CMakePackageConfigHelpers)
set(KVKIT_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/kvkit)
install(TARGETS kvkit EXPORT kvkitTargets)
install(DIRECTORY lib/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kvkit FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
install(EXPORT kvkitTargets NAMESPACE kvkit:: DESTINATION ${KVKIT_CMAKE_DIR})
configure_package_config_file(cmake/kvkitConfig.cmake.in kvkitConfig.cmake INSTALL_DESTINATION ${KVKIT_CMAKE_DIR})
write_basic_package_version_file(kvkitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kvkitConfig.cmake ${PROJECT_BINARY_DIR}/kvkitConfigVersion.cmake
  cmake/KvkitDependencies.cmake cmake/KvkitLibTorch.cmake DESTINATION ${KVKIT_CMAKE_DIR})
