/* SPDX-License-Identifier: Apache-2.0 */
/* What the ring must get right whatever the kernel says, most of it told in place of the kernel. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "io/uring_private.h"

#define SIZE 40000u

static struct mr_io *io;
static char dir[64], path[128];
static char text[SIZE], back[SIZE];

static void create(enum mr_io_backend backend) {
  struct mr_error err = {0};
  int rc = mr_io_create(&io, backend, NULL, NULL, &err);
  if (rc && err.code == MR_ERR_CONF) mr_skip("io_uring is refused here");
  assert_int_equal(rc, MR_OK);
}

static int set_up(void **state) {
  (void)state;
  for (uint32_t i = 0; i < SIZE; i++) text[i] = (char)('a' + mr_rng_at(7, i) % 26);
  memset(back, 0, sizeof back);
  snprintf(dir, sizeof dir, "/var/tmp/test_io_XXXXXX");
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/file", dir);
  io = NULL;
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  mr_io_destroy(io);
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", dir);
  return system(command);
}

static int64_t ask(struct mr_io_req req) {
  struct mr_io_req r = req;
  return mr_io_wait(io, &r);
}

static int open_it(int flags) {
  int64_t fd =
      ask((struct mr_io_req){.kind = MR_IO_OPEN, .path = path, .flags = flags, .mode = 0644});
  assert_true(fd >= 0);
  return (int)fd;
}

static struct mr_io_req write_of(int fd) {
  return (struct mr_io_req){.kind = MR_IO_WRITE, .fd = fd, .buf = text, .len = SIZE};
}

static void holds_the_text(int fd) {
  assert_int_equal(pread(fd, back, SIZE, 0), SIZE);
  assert_memory_equal(back, text, SIZE);
}

/* ---- told in place of the kernel ---- */

struct told {
  uint32_t results, enters; /* counted */
  int32_t say;              /* in place of a result */
  uint32_t from, times;     /* from this result on, so often */
  uint32_t enter_times;     /* calls refused */
  int enter_error;
  uint32_t cut; /* a result is at most this */
  enum mr_io_kind kind;
};

static int tell_enter(void *ctx) {
  struct told *t = ctx;
  t->enters++;
  if (!t->enter_times) return 0;
  t->enter_times--;
  return -t->enter_error;
}

static int32_t tell_result(void *ctx, const struct mr_io_req *req, int32_t result) {
  struct told *t = ctx;
  if (req->kind != t->kind) return result;
  uint32_t n = t->results++;
  if (n >= t->from && n - t->from < t->times) return t->say;
  return t->cut && result > (int32_t)t->cut ? (int32_t)t->cut : result;
}

static struct told told;
static const struct mr_io_inject inject = {tell_enter, tell_result, &told};

static void tell(struct told t) {
  told = t;
  mr_io_uring_inject(io, &inject);
}

MR_TEST(a_short_write_is_finished_from_where_it_stopped) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  int fd = open_it(O_RDWR | O_CREAT);
  tell((struct told){.kind = MR_IO_WRITE, .cut = 777});
  struct mr_io_req w = write_of(fd);
  assert_int_equal(mr_io_wait(io, &w), SIZE);
  assert_int_equal(w.done, SIZE);
  assert_int_equal(told.results, (SIZE + 776) / 777);
  holds_the_text(fd);
}

MR_TEST(a_write_of_nothing_is_an_error_and_says_how_far_it_came) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  int fd = open_it(O_RDWR | O_CREAT);
  tell((struct told){.kind = MR_IO_WRITE, .cut = 1000, .from = 3, .times = 1, .say = 0});
  struct mr_io_req w = write_of(fd);
  assert_int_equal(mr_io_wait(io, &w), -EIO);
  assert_int_equal(w.done, 3000);
}

MR_TEST(a_short_direct_write_goes_on_at_a_block) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  static _Alignas(MR_IO_ALIGN) char blocks[8 * MR_IO_ALIGN];
  memcpy(blocks, text, sizeof blocks);
  int fd = open_it(O_RDWR | O_CREAT | O_DIRECT);
  tell((struct told){.kind = MR_IO_WRITE, .cut = 2 * MR_IO_ALIGN + 512});
  struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = fd, .buf = blocks, .len = sizeof blocks};
  assert_int_equal(mr_io_wait(io, &w), sizeof blocks);
  assert_int_equal(told.results, 4);
  tell((struct told){.kind = MR_IO_WRITE, .cut = 512}); /* never a block */
  assert_int_equal(mr_io_wait(io, &w), -EIO);
  assert_int_equal(told.results, MR_IO_TRIES_MAX);
}

MR_TEST(a_request_of_which_nothing_came_is_made_again_but_not_for_ever) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  int fd = open_it(O_RDWR | O_CREAT);
  const int32_t says[] = {-EAGAIN, -EINTR, -ECANCELED};
  for (int i = 0; i < 3; i++) {
    tell((struct told){.kind = MR_IO_WRITE, .from = 0, .times = 20, .say = says[i]});
    struct mr_io_req w = write_of(fd);
    assert_int_equal(mr_io_wait(io, &w), SIZE);
    assert_int_equal(told.results, 21);
    tell((struct told){.kind = MR_IO_WRITE, .times = UINT32_MAX, .say = says[i]});
    assert_int_equal(mr_io_wait(io, &w), says[i]);
    assert_int_equal(told.results, MR_IO_TRIES_MAX);
  }
  mr_io_uring_inject(io, NULL);
  holds_the_text(fd);
}

MR_TEST(a_datasync_that_failed_is_not_made_again) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  int fd = open_it(O_RDWR | O_CREAT);
  const int32_t says[] = {-EIO, -EINTR, -EAGAIN, -ENOSPC};
  for (int i = 0; i < 4; i++) {
    tell((struct told){.kind = MR_IO_DATASYNC, .times = UINT32_MAX, .say = says[i]});
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = fd}), says[i]);
    assert_int_equal(told.results, 1);
  }
  /* one that was never begun is another matter */
  tell((struct told){.kind = MR_IO_DATASYNC, .times = 1, .say = -ECANCELED});
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = fd}), 0);
  assert_int_equal(told.results, 2);
}

MR_TEST(a_refused_submission_is_repeated_and_nobody_hangs) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  int fd = open_it(O_RDWR | O_CREAT);
  const int errors[] = {EAGAIN, EBUSY, EINTR};
  for (int i = 0; i < 3; i++) {
    tell((struct told){.enter_times = 5, .enter_error = errors[i]});
    struct mr_io_req w = write_of(fd);
    assert_int_equal(mr_io_wait(io, &w), SIZE); /* by waiting */
    assert_true(told.enters > 5);
    tell((struct told){.enter_times = 5, .enter_error = errors[i]});
    mr_io_submit(io, &w); /* and by polling */
    while (mr_io_poll(io)) {}
    assert_int_equal(w.result, SIZE);
  }
  mr_io_uring_inject(io, NULL);
  holds_the_text(fd);
}

MR_TEST(no_more_is_in_flight_than_the_ring_holds_and_all_of_it_arrives) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  enum { CNT = 40 * MR_IO_RING };
  static struct mr_io_req reqs[CNT];
  int fd = open_it(O_RDWR | O_CREAT);
  for (uint32_t i = 0; i < CNT; i++) {
    reqs[i] = (struct mr_io_req){
        .kind = MR_IO_WRITE, .fd = fd, .buf = text + i % SIZE, .len = 1, .off = i % SIZE};
    mr_io_submit(io, &reqs[i]);
    struct mr_io_uring_facts facts = mr_io_uring_facts(io);
    assert_true(facts.in_flight <= MR_IO_RING);
  }
  uint32_t left;
  while ((left = mr_io_poll(io))) assert_true(left <= CNT);
  for (uint32_t i = 0; i < CNT; i++) assert_int_equal(reqs[i].result, 1);
  assert_int_equal(pread(fd, back, CNT, 0), CNT);
  assert_memory_equal(back, text, CNT);
}

MR_TEST(the_ring_drops_no_completion_and_has_no_thread_of_the_kernel) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  struct mr_io_uring_facts facts = mr_io_uring_facts(io);
  assert_true(facts.features & (1u << 1)); /* IORING_FEAT_NODROP */
  assert_false(facts.flags & (1u << 1));   /* IORING_SETUP_SQPOLL */
}

/* ---- the thread that submits ends before its writes do ---- */

static void *submit_all(void *arg) {
  struct mr_io_req *reqs = arg;
  for (uint32_t i = 0; i < MR_IO_RING; i++) mr_io_submit(io, &reqs[i]);
  return NULL;
}

MR_TEST(what_a_thread_has_submitted_outlives_it) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  static struct mr_io_req reqs[MR_IO_RING];
  int fd = open_it(O_RDWR | O_CREAT);
  for (uint32_t round = 0; round < 10; round++) {
    for (uint32_t i = 0; i < MR_IO_RING; i++)
      reqs[i] = (struct mr_io_req){
          .kind = MR_IO_WRITE, .fd = fd, .buf = text, .len = SIZE, .off = (uint64_t)i * SIZE};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, submit_all, reqs), 0);
    pthread_join(thread, NULL);
    for (uint32_t i = 0; i < MR_IO_RING; i++) assert_int_equal(mr_io_finish(io, &reqs[i]), SIZE);
    for (uint32_t i = 0; i < MR_IO_RING; i++) {
      assert_int_equal(pread(fd, back, SIZE, (off_t)i * SIZE), SIZE);
      assert_memory_equal(back, text, SIZE);
    }
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_TRUNCATE, .fd = fd}), 0);
  }
}

/* ---- registered buffers and files ---- */

MR_TEST(buffers_and_files_are_registered_and_a_closed_file_is_let_go) {
  MR_UNUSED_STATE;
  create(MR_IO_URING_FIXED);
  struct mr_error err = {0};
  char *pool = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_int_equal(mr_io_add_buffers(io, pool, 1 << 20, &err), MR_OK);
  assert_int_equal(mr_io_uring_facts(io).pools, 1);
  memcpy(pool + 100, text, SIZE);
  for (int round = 0; round < 3; round++) { /* the same descriptor, another file each time */
    snprintf(path, sizeof path, "%s/%d", dir, round);
    int fd = open_it(O_RDWR | O_CREAT);
    pool[100] = (char)('0' + round);
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = fd}), 0);
    assert_int_equal(
        ask((struct mr_io_req){.kind = MR_IO_WRITE, .fd = fd, .buf = pool + 100, .len = SIZE}),
        SIZE);
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = fd}), 0);
    assert_int_equal(pread(fd, back, SIZE, 0), SIZE);
    assert_memory_equal(back, pool + 100, SIZE);
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_CLOSE, .fd = fd}), 0);
    int second = open(path, O_RDWR); /* the table holds neither the file nor its lock */
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(second, F_OFD_SETLK, &l), 0);
    close(second);
  }
  mr_io_destroy(io);
  io = NULL;
  munmap(pool, 1 << 20);
}

/* ---- refused ---- */

/* Runs fn in a child, whose exit status is what it returns. */
static int in_child(int (*fn)(void)) {
  pid_t pid = fork();
  if (pid == 0) _exit(fn());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int filter_error;
static bool refuse_setup(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)filter_error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* 0: the backend works, is `mode`, and says `why`. */
static int works_as(const char *mode, const char *why) {
  struct mr_error err = {0};
  unsetenv("MILLRACE_IO");
  if (mr_io_create(&io, MR_IO_BEST, NULL, NULL, &err)) return 1;
  static _Alignas(MR_IO_ALIGN) char pool[256 * MR_IO_ALIGN];
  if (mr_io_add_buffers(io, pool, sizeof pool, &err)) return 2;
  if (mr_io_is_best(io) || !strstr(mr_io_mode(io), mode) || !strstr(mr_io_mode(io), why)) return 3;
  if (strchr(mr_io_mode(io), '\n')) return 4;
  struct mr_io_req req = {
      .kind = MR_IO_OPEN, .path = path, .flags = O_RDWR | O_CREAT, .mode = 0644};
  int fd = (int)mr_io_wait(io, &req);
  memcpy(pool, text, SIZE);
  req = (struct mr_io_req){.kind = MR_IO_WRITE, .fd = fd, .buf = pool, .len = SIZE};
  if (mr_io_wait(io, &req) != SIZE) return 5;
  req = (struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = fd};
  if (mr_io_wait(io, &req)) return 6;
  if (pread(fd, back, SIZE, 0) != SIZE || memcmp(back, text, SIZE) != 0) return 7;
  mr_io_destroy(io);
  if (strcmp(mode, "plain threads") == 0) { /* what was asked for by name is an error */
    setenv("MILLRACE_IO", "uring", 1);
    if (mr_io_create(&io, MR_IO_BEST, NULL, NULL, &err) != MR_ERR_CONF) return 8;
    if (!strstr(err.text, why)) return 9;
  }
  return 0;
}

static int without_setup(void) {
  if (!refuse_setup()) return 77;
  return works_as("plain threads", filter_error == EPERM    ? "seccomp"
                                   : filter_error == ENOSYS ? "not in this kernel"
                                                            : "RLIMIT_MEMLOCK");
}

MR_TEST(where_io_uring_is_refused_plain_threads_take_over_and_say_why) {
  MR_UNUSED_STATE;
  const int errors[] = {EPERM, ENOSYS, ENOMEM};
  for (int i = 0; i < 3; i++) {
    filter_error = errors[i];
    int rc = in_child(without_setup);
    if (rc == 77) mr_skip("no seccomp filters here");
    assert_int_equal(rc, 0);
  }
}

static rlim_t lock_limit;

/* As a user without privileges, who is held to the limit. */
static int with_less_locked_memory(void) {
  struct rlimit limit = {lock_limit, lock_limit};
  setrlimit(RLIMIT_MEMLOCK, &limit);
  if (chmod(dir, 0777) || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
    return 77;
  int rc = works_as("without registered buffers", "RLIMIT_MEMLOCK is");
  /* kernels that count the ring too refuse it */
  return rc == 3 && !lock_limit ? works_as("plain threads", "RLIMIT_MEMLOCK") : rc;
}

MR_TEST(where_too_little_memory_may_be_locked_it_goes_without_registered_buffers) {
  MR_UNUSED_STATE;
  create(MR_IO_URING);
  if (geteuid() != 0) mr_skip("only root can become a user without privileges");
  for (lock_limit = 0; lock_limit <= 512 << 10; lock_limit += 512 << 10) {
    int rc = in_child(with_less_locked_memory);
    if (rc == 77) mr_skip("cannot become another user here");
    assert_int_equal(rc, 0);
  }
}

MR_TEST(an_unknown_name_of_a_backend_is_an_error) {
  MR_UNUSED_STATE;
  struct mr_error err = {0};
  const char *kept = getenv("MILLRACE_IO");
  char was[32];
  snprintf(was, sizeof was, "%s", kept ? kept : "");
  setenv("MILLRACE_IO", "aio", 1);
  assert_int_equal(mr_io_create(&io, MR_IO_BEST, NULL, NULL, &err), MR_ERR_CONF);
  assert_non_null(strstr(err.text, "uring-fixed, uring, plain"));
  setenv("MILLRACE_IO", was, 1);
  io = NULL;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE(a_short_write_is_finished_from_where_it_stopped),
      CASE(a_write_of_nothing_is_an_error_and_says_how_far_it_came),
      CASE(a_short_direct_write_goes_on_at_a_block),
      CASE(a_request_of_which_nothing_came_is_made_again_but_not_for_ever),
      CASE(a_datasync_that_failed_is_not_made_again),
      CASE(a_refused_submission_is_repeated_and_nobody_hangs),
      CASE(no_more_is_in_flight_than_the_ring_holds_and_all_of_it_arrives),
      CASE(the_ring_drops_no_completion_and_has_no_thread_of_the_kernel),
      CASE(what_a_thread_has_submitted_outlives_it),
      CASE(buffers_and_files_are_registered_and_a_closed_file_is_let_go),
      CASE(where_io_uring_is_refused_plain_threads_take_over_and_say_why),
      CASE(where_too_little_memory_may_be_locked_it_goes_without_registered_buffers),
      CASE(an_unknown_name_of_a_backend_is_an_error),
  };
  int failed = cmocka_run_group_tests(cases, NULL, NULL);
  return !failed && mr_skipped_cnt == sizeof cases / sizeof cases[0] ? 77 : failed;
}
