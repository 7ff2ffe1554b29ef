# SPDX-License-Identifier: Apache-2.0
# HdrHistogram_c as the static target hdr_histogram, from the source that tools/dev/build fetches.
# Headers: <hdr_histogram.h> and <hdr_histogram_log.h>; hdr_interval_recorder is left out.

find_package(ZLIB REQUIRED)

set(MR_HDR_DIR ${CMAKE_SOURCE_DIR}/build/deps/node_modules/native-hdr-histogram/HdrHistogram_c/src)
if(NOT EXISTS ${MR_HDR_DIR}/hdr_histogram.c)
  message(FATAL_ERROR
    "HdrHistogram_c's source is not in ${MR_HDR_DIR}.\n"
    "Run `tools/dev/build --deps-only`: it installs what is missing and fetches this source.")
endif()

add_library(hdr_histogram STATIC
  ${MR_HDR_DIR}/hdr_encoding.c
  ${MR_HDR_DIR}/hdr_histogram.c
  ${MR_HDR_DIR}/hdr_histogram_log.c
  ${MR_HDR_DIR}/hdr_time.c)
set_target_properties(hdr_histogram PROPERTIES C_EXTENSIONS ON)
target_include_directories(hdr_histogram SYSTEM INTERFACE ${MR_HDR_DIR})
target_compile_options(hdr_histogram PRIVATE -w -fno-omit-frame-pointer -fvisibility=hidden)
if(MR_SANITIZE)
  string(REPLACE "fuzzer" "fuzzer-no-link" hdr_sanitize "${MR_SANITIZE}")
  target_compile_options(hdr_histogram PRIVATE -fsanitize=${hdr_sanitize})
endif()
target_link_libraries(hdr_histogram PUBLIC ZLIB::ZLIB m)
