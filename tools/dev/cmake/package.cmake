# SPDX-License-Identifier: Apache-2.0
# `cpack --config build/release/CPackConfig.cmake` makes two Debian packages: millrace (program,
# libraries, man pages, completions, schema, examples) and millrace-dev. tools/dev/package calls it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME millrace)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "the millrace authors")
set(CPACK_PACKAGE_CONTACT "the millrace authors <millrace@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "stream-processing runtime in one process")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL program lib dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME millrace)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
  "Runs a graph of sources, windows, filters and sinks that a YAML file names,
on pinned worker threads joined by lock-free rings. Tools look into a
running graph without slowing it down.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/tools/dev/cmake/package/triggers
  ${CMAKE_SOURCE_DIR}/tools/dev/cmake/package/prerm)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME millrace-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "millrace (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEV_DESCRIPTION
  "Headers and libraries of millrace for programs that embed the engine, read its
live stats, or bring operators of their own.")
include(CPack)
cpack_add_component_group(runtime)
cpack_add_component_group(dev)
cpack_add_component(program GROUP runtime)
cpack_add_component(lib GROUP runtime)
cpack_add_component(dev GROUP dev)
