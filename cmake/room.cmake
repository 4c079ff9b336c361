# One folder of src/ is one library, linked explicitly: the arrows of the architecture are the DEPS below.
#
#   gatehouse_room(NAME [THREADS] [DEPS rooms...] [LIBS targets or libraries...])
#
# finds its parts by their names:
#   *.cc         -> library gatehouse_NAME (slashes become underscores)
#   *_test.cc    -> NAME_test,  one ctest test with the label "unit", with THREADS also "threads" (runs under TSan)
#   *_bench.cc   -> NAME_bench, with GATEHOUSE_BENCH=ON
#   *_fuzz.cc    -> one libFuzzer program a file, with GATEHOUSE_FUZZ=ON
#   *_main.cc, main.cc are left to the folder's own CMakeLists.txt
# An empty folder is an INTERFACE library, so that a room can be declared before its first file.

include_guard(GLOBAL)

# What scripts/build makes of a preset by default: release builds programs, tsan builds threads, fuzz builds fuzz.
add_custom_target(programs)
add_custom_target(threads)
add_custom_target(fuzz)

# The library of a folder: all its sources but tests, benchmarks, fuzz targets and programs.
function(gatehouse_library TARGET FOLDER)
  file(GLOB sources CONFIGURE_DEPENDS "${FOLDER}/*.cc")
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|_fuzz|_main|/main)\\.cc$")
  if(sources)
    add_library(${TARGET} STATIC ${sources})
    set(link PUBLIC)
  else()
    add_library(${TARGET} INTERFACE)
    set(link INTERFACE)
  endif()
  target_include_directories(${TARGET} ${link} "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(${TARGET} ${link} gatehouse_options ${ARGN})
endfunction()

# A GoogleTest program of the files that match PATTERN, if there are any; extra arguments are what it links.
function(gatehouse_test TARGET PATTERN)
  file(GLOB tests CONFIGURE_DEPENDS "${PATTERN}")
  if(NOT tests OR NOT GATEHOUSE_TESTS)
    return()
  endif()
  add_executable(${TARGET} ${tests})
  target_link_libraries(${TARGET} PRIVATE ${ARGN} GTest::gmock GTest::gtest_main)
  # Tests name files of the repository (golden files, corpora) relative to its root.
  add_test(NAME ${TARGET} COMMAND ${TARGET} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${TARGET} PROPERTIES LABELS unit TIMEOUT 900)
endfunction()

function(gatehouse_bench TARGET FOLDER)
  file(GLOB benches CONFIGURE_DEPENDS "${FOLDER}/*_bench.cc")
  if(benches AND GATEHOUSE_BENCH)
    add_executable(${TARGET} ${benches})
    target_link_libraries(${TARGET} PRIVATE ${ARGN} benchmark::benchmark_main)
  endif()
endfunction()

function(gatehouse_fuzzers FOLDER)
  file(GLOB fuzzers CONFIGURE_DEPENDS "${FOLDER}/*_fuzz.cc")
  if(NOT GATEHOUSE_FUZZ)
    return()
  endif()
  foreach(source IN LISTS fuzzers)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(${name} "${source}")
    target_link_libraries(${name} PRIVATE ${ARGN})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    # One folder for all of them: scripts/test runs whatever lies there.
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    add_dependencies(fuzz ${name})
  endforeach()
endfunction()

function(gatehouse_room NAME)
  cmake_parse_arguments(ROOM "THREADS" "" "DEPS;LIBS" ${ARGN})
  string(REPLACE "/" "_" id "${NAME}")
  set(folder "${PROJECT_SOURCE_DIR}/src/${NAME}")
  list(TRANSFORM ROOM_DEPS REPLACE "/" "_")
  list(TRANSFORM ROOM_DEPS PREPEND "gatehouse_")
  gatehouse_library(gatehouse_${id} "${folder}" ${ROOM_DEPS} ${ROOM_LIBS})
  gatehouse_test(${id}_test "${folder}/*_test.cc" gatehouse_${id})
  gatehouse_bench(${id}_bench "${folder}" gatehouse_${id})
  gatehouse_fuzzers("${folder}" gatehouse_${id})
  if(ROOM_THREADS AND TARGET ${id}_test)
    set_tests_properties(${id}_test PROPERTIES LABELS "unit;threads")
    add_dependencies(threads ${id}_test)
  endif()
endfunction()
