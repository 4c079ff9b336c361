# Libraries of Debian 12. All are imported targets, so their headers are SYSTEM headers and exempt from our warnings.

include_guard(GLOBAL)

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)

# Debian ships no CMake package for these.
function(gatehouse_find_library NAME HEADER LIBRARY)
  find_path(${NAME}_INCLUDE_DIR ${HEADER} REQUIRED)
  find_library(${NAME}_LIBRARY ${LIBRARY} REQUIRED)
  add_library(${NAME}::${NAME} UNKNOWN IMPORTED)
  set_target_properties(${NAME}::${NAME} PROPERTIES
    IMPORTED_LOCATION "${${NAME}_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${${NAME}_INCLUDE_DIR}")
endfunction()

gatehouse_find_library(cares ares.h cares)
gatehouse_find_library(re2 re2/re2.h re2)
gatehouse_find_library(xxhash xxhash.h xxhash)

if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

if(GATEHOUSE_TESTS)
  find_package(GTest REQUIRED)
endif()
if(GATEHOUSE_BENCH)
  find_package(benchmark REQUIRED)
endif()
