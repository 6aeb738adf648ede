# SPDX-License-Identifier: MIT
# What an installation holds, and the same places in the build tree, so that programs find their
# files relative to themselves in either.

include(CMakePackageConfigHelpers)

set(package_folder ${PROJECT_BINARY_DIR}/lib/cmake/drone)
configure_file(cmake/package/droneConfig.cmake ${package_folder}/droneConfig.cmake COPYONLY)
write_basic_package_version_file(${package_folder}/droneConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share/drone)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/templates ${PROJECT_BINARY_DIR}/share/drone/templates
  SYMBOLIC)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/adapters ${PROJECT_BINARY_DIR}/share/drone/adapters
  SYMBOLIC)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include SYMBOLIC)

# `lib`, whatever this machine's libraries lie in: a project for another processor looks there.
install(DIRECTORY ${package_folder}/ DESTINATION lib/cmake/drone)
install(DIRECTORY include/drone DESTINATION include)
install(DIRECTORY adapters/ DESTINATION share/drone/adapters)
install(DIRECTORY templates/ DESTINATION share/drone/templates)
foreach(program drone drone-board)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION bin)
  endif()
endforeach()
