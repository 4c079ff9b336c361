// Preloaded into the gateway: counts what malloc and its kin are asked for, by whomever, libraries included, in a file
// that another process reads (GATEHOUSE_MALLOC_COUNT). `operator new` is counted too: an allocator that brings its own
// need not call malloc for it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_ulong before_the_file;
static atomic_ulong* count = &before_the_file;

// dlsym may allocate before the real functions are known. Never freed.
static char early[1 << 16];
static atomic_size_t early_used;
static void* early_alloc(size_t n) {
  size_t at = atomic_fetch_add(&early_used, (n + 31) & ~(size_t)15);
  return at + n <= sizeof early ? early + ((at + 15) & ~(size_t)15) : NULL;
}
static int is_early(const void* p) { return (const char*)p >= early && (const char*)p < early + sizeof early; }

static void* (*real_malloc)(size_t);
static void* (*real_calloc)(size_t, size_t);
static void* (*real_realloc)(void*, size_t);
static void (*real_free)(void*);
static void* (*real_aligned_alloc)(size_t, size_t);

static void* next(const char* name) { return dlsym(RTLD_NEXT, name); }

// By the first call, which comes from another library's constructor, before any of ours and before there are threads.
static int ready(void) {
  static int looking;
  if (real_malloc) return 1;
  if (looking) return 0;
  looking = 1;
  real_calloc = (void* (*)(size_t, size_t))next("calloc");
  real_realloc = (void* (*)(void*, size_t))next("realloc");
  real_free = (void (*)(void*))next("free");
  real_aligned_alloc = (void* (*)(size_t, size_t))next("aligned_alloc");
  real_malloc = (void* (*)(size_t))next("malloc");
  return 1;
}

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("GATEHOUSE_MALLOC_COUNT");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void* p = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (p != MAP_FAILED) count = p;
}

static void note(void) { atomic_fetch_add_explicit(count, 1, memory_order_relaxed); }

void* malloc(size_t n) {
  note();
  return ready() ? real_malloc(n) : early_alloc(n);
}
void* calloc(size_t n, size_t size) {
  note();
  return ready() ? real_calloc(n, size) : early_alloc(n * size);
}
void* realloc(void* p, size_t n) {
  note();
  if (ready() && !is_early(p)) return real_realloc(p, n);
  void* q = ready() ? real_malloc(n) : early_alloc(n);
  if (q && p) {  // whatever lies behind an early piece is early memory, or zero
    size_t left = (size_t)(early + sizeof early - (char*)p);
    memcpy(q, p, n < left ? n : left);
  }
  return q;
}
void free(void* p) {
  if (p && !is_early(p) && ready()) real_free(p);
}
void* aligned_alloc(size_t alignment, size_t n) {
  note();
  return ready() ? real_aligned_alloc(alignment, n) : NULL;
}
void* memalign(size_t alignment, size_t n) {
  note();
  return ready() ? real_aligned_alloc(alignment, n) : NULL;
}
int posix_memalign(void** out, size_t alignment, size_t n) {
  note();
  *out = ready() ? real_aligned_alloc(alignment, n) : NULL;
  return *out ? 0 : ENOMEM;
}

// operator new and delete, by their mangled names; without room the process may as well end.
static void* sure(void* p) {
  if (!p) abort();
  return p;
}
#define NEW(name) void* name(size_t n) { return sure(malloc(n ? n : 1)); }
#define NEW_NOTHROW(name) void* name(size_t n, const void* t) { (void)t; return malloc(n ? n : 1); }
#define NEW_ALIGNED(name) void* name(size_t n, size_t a) { return sure(aligned_alloc(a, (n + a - 1) & ~(a - 1))); }
#define DELETE(name, ...) void name(void* p __VA_ARGS__) { free(p); }
NEW(_Znwm)
NEW(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm, , size_t n __attribute__((unused)))
DELETE(_ZdaPvm, , size_t n __attribute__((unused)))
DELETE(_ZdlPvSt11align_val_t, , size_t a __attribute__((unused)))
DELETE(_ZdaPvSt11align_val_t, , size_t a __attribute__((unused)))
DELETE(_ZdlPvmSt11align_val_t, , size_t n __attribute__((unused)), size_t a __attribute__((unused)))
DELETE(_ZdaPvmSt11align_val_t, , size_t n __attribute__((unused)), size_t a __attribute__((unused)))
