# SPDX-License-Identifier: Apache-2.0
# What every target of the project shares, and the functions that declare a room and a test.

add_library(mr_flags INTERFACE)
target_compile_definitions(mr_flags INTERFACE _GNU_SOURCE $<$<NOT:$<CONFIG:Debug>>:NDEBUG>)
target_compile_options(mr_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wpointer-arith -Wvla -Wundef -Wno-missing-field-initializers
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  -fno-omit-frame-pointer -fvisibility=hidden -fno-semantic-interposition -fno-strict-overflow)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # A target with the property MR_LEVEL (v2, v3, v4) is compiled for that level. An option of its
  # own would be lost: those of linked targets come later, and the last -march wins.
  target_compile_options(mr_flags INTERFACE
    -march=x86-64-$<IF:$<BOOL:$<TARGET_PROPERTY:MR_LEVEL>>,$<TARGET_PROPERTY:MR_LEVEL>,v2>)
endif()
if(MR_WERROR)
  target_compile_options(mr_flags INTERFACE -Werror)
endif()
if(MR_SANITIZE)
  target_compile_options(mr_flags INTERFACE
    -fsanitize=${MR_SANITIZE} -fno-sanitize-recover=all -g)
  target_link_options(mr_flags INTERFACE -fsanitize=${MR_SANITIZE})
  target_compile_definitions(mr_flags INTERFACE MR_SANITIZED=1)
endif()

# mr_room(NAME SOURCES a.c b.c [DEPS room...] [LIBS lib...] [DIRS include...])
# One static library mr_NAME. A room's headers are included as "NAME/header.h". DEPS are the rooms
# below it; LIBS are third-party and private to the room.
function(mr_room name)
  cmake_parse_arguments(R "" "" "SOURCES;DEPS;LIBS;DIRS" ${ARGN})
  add_library(mr_${name} STATIC ${R_SOURCES})
  target_include_directories(mr_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/..)
  target_include_directories(mr_${name} SYSTEM PRIVATE ${R_DIRS})
  list(TRANSFORM R_DEPS PREPEND mr_)
  target_link_libraries(mr_${name} PUBLIC ${R_DEPS} PRIVATE mr_flags ${R_LIBS})
  mr_library_part(mr_${name} ${R_LIBS})
endfunction()

# mr_library_part(TARGET [LIB...]): TARGET's objects, and LIBs to link with, belong to libmillrace.
function(mr_library_part target)
  set_property(GLOBAL APPEND PROPERTY MR_LIBRARY_PARTS ${target})
  set_property(GLOBAL APPEND PROPERTY MR_LIBRARY_LIBS ${ARGN})
endfunction()

# mr_test(NAME SOURCES x.c LIBS lib... [LABELS fast] [TIMEOUT 60] [ARGS ...])
# One cmocka program, one CTest entry.
function(mr_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LIBS;LABELS;ARGS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 60)
    if(MR_SANITIZE) # some are twenty times as slow, and others run beside them
      set(T_TIMEOUT 240)
    endif()
  endif()
  if(NOT T_LABELS)
    set(T_LABELS fast)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${T_LIBS} mr_flags cmocka)
  add_test(NAME ${name} COMMAND ${name} ${T_ARGS})
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${T_TIMEOUT} LABELS "${T_LABELS}" SKIP_RETURN_CODE 77)
endfunction()

# mr_kernels(ROOM FILE): compiles one kernel source once per x86-64 level into the room mr_ROOM.
# FILE is compiled with MR_ISA=v2|v3|v4 and gives its symbols that suffix (MR_ISA_NAME(x)).
function(mr_kernels room file)
  get_filename_component(stem ${file} NAME_WE)
  foreach(level v2 v3 v4)
    add_library(mr_${room}_${stem}_${level} OBJECT ${file})
    target_include_directories(mr_${room}_${stem}_${level} PRIVATE ${CMAKE_SOURCE_DIR}/runtime
      $<TARGET_PROPERTY:mr_${room},INCLUDE_DIRECTORIES>)
    target_link_libraries(mr_${room}_${stem}_${level} PRIVATE mr_flags)
    target_compile_definitions(mr_${room}_${stem}_${level} PRIVATE MR_ISA=${level})
    target_compile_options(mr_${room}_${stem}_${level} PRIVATE -O3)
    # gcc 12 misaligns 64-byte spills in frames that AddressSanitizer moves (its bug 110027): there
    # the v4 kernels are compiled for v3.
    if(MR_SANITIZE MATCHES address AND level STREQUAL v4)
      set_target_properties(mr_${room}_${stem}_${level} PROPERTIES MR_LEVEL v3)
    else()
      set_target_properties(mr_${room}_${stem}_${level} PROPERTIES MR_LEVEL ${level})
    endif()
    target_sources(mr_${room} PRIVATE $<TARGET_OBJECTS:mr_${room}_${stem}_${level}>)
    set_property(TARGET mr_${room} APPEND PROPERTY MR_KERNELS mr_${room}_${stem}_${level})
  endforeach()
endfunction()
