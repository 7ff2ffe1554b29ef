/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "io/io.h"

#define MANY  48u
#define PIECE 3001u

struct fixture {
  struct mr_io *io;
  _Atomic int wakes;
  char dir[64], path[128];
};

static void wake(void *ctx) {
  struct fixture *f = ctx;
  atomic_fetch_add_explicit(&f->wakes, 1, memory_order_relaxed);
}

static int set_up(void **state) {
  static struct fixture f;
  memset(&f, 0, sizeof f);
  struct mr_error err = {0};
  assert_int_equal(mr_io_create(&f.io, MR_IO_BEST, wake, &f, &err), MR_OK);
  snprintf(f.dir, sizeof f.dir, "/tmp/test_io_XXXXXX");
  assert_non_null(mkdtemp(f.dir));
  snprintf(f.path, sizeof f.path, "%s/file", f.dir);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  mr_io_destroy(f->io);
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", f->dir);
  return system(command);
}

static int open_at(struct fixture *f, int flags) {
  struct mr_io_req req = {.kind = MR_IO_OPEN, .path = f->path, .flags = flags, .mode = 0644};
  int64_t fd = mr_io_wait(f->io, &req);
  assert_true(fd >= 0);
  return (int)fd;
}

static void close_at(struct fixture *f, int fd) {
  struct mr_io_req req = {.kind = MR_IO_CLOSE, .fd = fd};
  assert_int_equal(mr_io_wait(f->io, &req), 0);
}

/* Waits for a state with a deadline of ten seconds. */
static bool becomes_done(struct mr_io_req *req) {
  for (int i = 0; i < 10000 && !mr_io_done(req); i++) {
    struct timespec ms = {0, 1000000};
    nanosleep(&ms, NULL);
  }
  return mr_io_done(req);
}

MR_TEST(many_writes_and_reads_at_once_all_arrive) {
  struct fixture *f = *state_;
  static char data[MANY][PIECE], back[MANY][PIECE];
  static struct mr_io_req reqs[MANY];
  struct mr_rng rng;
  mr_rng_init(&rng, 7);
  int fd = open_at(f, O_RDWR | O_CREAT);
  memset(reqs, 0, sizeof reqs);
  for (uint32_t i = 0; i < MANY; i++) {
    for (uint32_t k = 0; k < PIECE; k++) data[i][k] = (char)mr_rng_next(&rng);
    reqs[i] = (struct mr_io_req){
        .kind = MR_IO_WRITE, .fd = fd, .buf = data[i], .len = PIECE, .off = (uint64_t)i * PIECE};
    mr_io_submit(f->io, &reqs[i]);
  }
  for (uint32_t i = 0; i < MANY; i++) assert_int_equal(mr_io_finish(f->io, &reqs[i]), PIECE);
  for (uint32_t i = 0; i < MANY; i++) {
    reqs[i] = (struct mr_io_req){
        .kind = MR_IO_READ, .fd = fd, .buf = back[i], .len = PIECE, .off = (uint64_t)i * PIECE};
    mr_io_submit(f->io, &reqs[i]);
  }
  for (uint32_t i = 0; i < MANY; i++) {
    assert_int_equal(mr_io_finish(f->io, &reqs[i]), PIECE);
    assert_memory_equal(back[i], data[i], PIECE);
  }
  close_at(f, fd);
  for (int i = 0; i < 10000 && mr_io_poll(f->io); i++) {
    struct timespec ms = {0, 1000000};
    nanosleep(&ms, NULL);
  }
  assert_int_equal(mr_io_poll(f->io), 0);
}

MR_TEST(a_cached_read_is_finished_on_return) {
  struct fixture *f = *state_;
  int fd = open_at(f, O_RDWR | O_CREAT);
  static char text[] = "in the page cache";
  struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = fd, .buf = text, .len = sizeof text};
  assert_int_equal(mr_io_wait(f->io, &w), sizeof text);
  char buf[64];
  struct mr_io_req r = {.kind = MR_IO_READ, .fd = fd, .buf = buf, .len = sizeof buf};
  mr_io_submit(f->io, &r);
  if (!mr_io_done(&r)) {
    mr_io_finish(f->io, &r);
    mr_skip("needs a file system that reads without waiting");
  }
  assert_int_equal(r.result, sizeof text);
  r.off = sizeof text;
  assert_int_equal(mr_io_wait(f->io, &r), 0);
  close_at(f, fd);
}

MR_TEST(a_blocked_read_holds_up_no_write) {
  struct fixture *f = *state_;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  char buf[16];
  struct mr_io_req reads[3];
  for (int i = 0; i < 3; i++) {
    reads[i] = (struct mr_io_req){
        .kind = MR_IO_READ, .fd = ends[0], .buf = buf + i, .len = 1, .off = MR_IO_STREAM};
    mr_io_submit(f->io, &reads[i]);
  }
  int fd = open_at(f, O_WRONLY | O_CREAT);
  struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = fd, .buf = "x", .len = 1};
  assert_int_equal(mr_io_wait(f->io, &w), 1);
  close_at(f, fd);
  assert_false(mr_io_done(&reads[0]) || mr_io_done(&reads[1]) || mr_io_done(&reads[2]));
  int before = atomic_load_explicit(&f->wakes, memory_order_relaxed);
  assert_int_equal(write(ends[1], "abc", 3), 3);
  for (int i = 0; i < 3; i++) {
    assert_true(becomes_done(&reads[i]));
    assert_int_equal(reads[i].result, 1);
  }
  for (int i = 0; i < 10000; i++) {
    if (atomic_load_explicit(&f->wakes, memory_order_relaxed) >= before + 3) break;
    struct timespec ms = {0, 1000000};
    nanosleep(&ms, NULL);
  }
  assert_true(atomic_load_explicit(&f->wakes, memory_order_relaxed) >= before + 3);
  close(ends[0]);
  close(ends[1]);
}

MR_TEST(the_end_gives_up_reads_and_writes_that_block_for_ever) {
  MR_UNUSED_STATE;
  struct mr_io *io = NULL;
  assert_int_equal(mr_io_create(&io, MR_IO_BEST, NULL, NULL, NULL), MR_OK);
  int in[2], out[2];
  assert_int_equal(pipe(in), 0);
  assert_int_equal(pipe(out), 0);
  static char big[1 << 20];
  char buf[16];
  struct mr_io_req r = {
      .kind = MR_IO_READ, .fd = in[0], .buf = buf, .len = 16, .off = MR_IO_STREAM};
  struct mr_io_req w = {
      .kind = MR_IO_WRITE, .fd = out[1], .buf = big, .len = sizeof big, .off = MR_IO_STREAM};
  mr_io_submit(io, &r);
  mr_io_submit(io, &w);
  mr_io_destroy(io);
  assert_int_equal(r.result, -ECANCELED);
  assert_int_equal(w.result, -ECANCELED);
  assert_true(w.done < sizeof big);
  for (int i = 0; i < 2; i++) {
    close(in[i]);
    close(out[i]);
  }
}

MR_TEST(the_end_waits_for_writes_to_files) {
  MR_UNUSED_STATE;
  struct mr_io *io = NULL;
  assert_int_equal(mr_io_create(&io, MR_IO_BEST, NULL, NULL, NULL), MR_OK);
  static char big[4 << 20];
  FILE *file = tmpfile();
  assert_non_null(file);
  struct mr_io_req w[4];
  for (uint64_t i = 0; i < 4; i++) {
    w[i] = (struct mr_io_req){.kind = MR_IO_WRITE,
                              .fd = fileno(file),
                              .buf = big,
                              .len = sizeof big,
                              .off = i * sizeof big};
    mr_io_submit(io, &w[i]);
  }
  mr_io_destroy(io);
  struct stat st;
  assert_int_equal(fstat(fileno(file), &st), 0);
  assert_int_equal(st.st_size, 4 * sizeof big);
  fclose(file);
}

MR_TEST(a_pipe_takes_a_large_write_piece_by_piece) {
  struct fixture *f = *state_;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  enum { SZ = 300000 };
  static char data[SZ], back[SZ];
  for (int i = 0; i < SZ; i++) data[i] = (char)(i * 31 + i / 256);
  struct mr_io_req w = {
      .kind = MR_IO_WRITE, .fd = ends[1], .buf = data, .len = SZ, .off = MR_IO_STREAM};
  mr_io_submit(f->io, &w);
  size_t got = 0;
  while (got < SZ) {
    ssize_t n = read(ends[0], back + got, SZ - got);
    assert_true(n > 0);
    got += (size_t)n;
  }
  assert_true(becomes_done(&w));
  assert_int_equal(w.result, SZ);
  assert_memory_equal(back, data, SZ);
  close(ends[0]);
  close(ends[1]);
}

MR_TEST(a_reader_that_went_away_is_an_error_not_a_signal) {
  struct fixture *f = *state_;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  struct mr_io_req w = {
      .kind = MR_IO_WRITE, .fd = ends[1], .buf = "x", .len = 1, .off = MR_IO_STREAM};
  assert_int_equal(mr_io_wait(f->io, &w), -EPIPE);
  close(ends[1]);
}

MR_TEST(a_full_device_is_an_error) {
  struct fixture *f = *state_;
  int fd = open("/dev/full", O_WRONLY);
  if (fd < 0) mr_skip("needs /dev/full");
  struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = fd, .buf = "x", .len = 1, .off = MR_IO_STREAM};
  assert_int_equal(mr_io_wait(f->io, &w), -ENOSPC);
  w = (struct mr_io_req){.kind = MR_IO_WRITE, .fd = fd, .buf = "x", .len = 1, .off = 0};
  assert_int_equal(mr_io_wait(f->io, &w), -ENOSPC);
  close(fd);
}

MR_TEST(a_write_beyond_the_file_size_limit_says_how_far_it_came) {
  struct fixture *f = *state_;
  int fd = open_at(f, O_WRONLY | O_CREAT);
  struct rlimit before, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = 5000;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  static char big[9000];
  struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = fd, .buf = big, .len = sizeof big};
  int64_t rc = mr_io_wait(f->io, &w);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  assert_int_equal(rc, -EFBIG);
  assert_int_equal(w.done, 5000);
  close_at(f, fd);
}

MR_TEST(parents_are_made_and_kept) {
  struct fixture *f = *state_;
  char path[256];
  snprintf(path, sizeof path, "%s/x//y/z/file", f->dir);
  struct mr_io_req p = {.kind = MR_IO_PARENTS, .path = path};
  assert_int_equal(mr_io_wait(f->io, &p), 0);
  assert_int_equal(mr_io_wait(f->io, &p), 0);
  struct mr_io_req o = {
      .kind = MR_IO_OPEN, .path = path, .flags = O_CREAT | O_WRONLY, .mode = 0644};
  int64_t fd = mr_io_wait(f->io, &o);
  assert_true(fd >= 0);
  close_at(f, (int)fd);
  snprintf(path, sizeof path, "%s/x/y/z/file/below", f->dir);
  assert_int_equal(mr_io_wait(f->io, &p), 0); /* its parent is there, as a file */
  assert_int_equal(mr_io_wait(f->io, &o), -ENOTDIR);
}

struct errand {
  pthread_t who;
  int64_t says;
};

static int64_t run_errand(void *arg) {
  struct errand *e = arg;
  e->who = pthread_self();
  return e->says;
}

MR_TEST(a_call_is_made_in_a_thread_and_says_what_it_returned) {
  struct fixture *f = *state_;
  for (int64_t says = -2; says <= 2; says++) {
    struct errand e = {.who = pthread_self(), .says = says};
    struct mr_io_req req = {.kind = MR_IO_CALL, .call = run_errand, .buf = &e};
    assert_int_equal(mr_io_wait(f->io, &req), says);
    assert_false(pthread_equal(e.who, pthread_self()));
  }
}

MR_TEST(the_other_kinds_work) {
  struct fixture *f = *state_;
  int fd = open_at(f, O_WRONLY | O_CREAT);
  struct mr_io_req req = {.kind = MR_IO_ALLOCATE, .fd = fd, .len = 65536};
  int64_t rc = mr_io_wait(f->io, &req);
  assert_true(rc == 0 || rc == -EOPNOTSUPP);
  req = (struct mr_io_req){.kind = MR_IO_WRITE, .fd = fd, .buf = "abc", .len = 3};
  assert_int_equal(mr_io_wait(f->io, &req), 3);
  req = (struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = fd};
  assert_int_equal(mr_io_wait(f->io, &req), 0);
  req = (struct mr_io_req){.kind = MR_IO_STAT, .fd = fd};
  assert_int_equal(mr_io_wait(f->io, &req), 3);
  assert_true(S_ISREG(req.mode));
  char to[160];
  snprintf(to, sizeof to, "%s.renamed", f->path);
  req = (struct mr_io_req){.kind = MR_IO_RENAME, .path = f->path, .path_to = to};
  assert_int_equal(mr_io_wait(f->io, &req), 0);
  req = (struct mr_io_req){.kind = MR_IO_SYNC_DIR, .path = f->dir};
  assert_int_equal(mr_io_wait(f->io, &req), 0);
  req = (struct mr_io_req){.kind = MR_IO_UNLINK, .path = to};
  assert_int_equal(mr_io_wait(f->io, &req), 0);
  assert_int_equal(mr_io_wait(f->io, &req), -ENOENT);
  req = (struct mr_io_req){.kind = MR_IO_OPEN, .path = "/nowhere/at/all", .flags = O_RDONLY};
  assert_int_equal(mr_io_wait(f->io, &req), -ENOENT);
  close_at(f, fd);
}

MR_TEST(a_file_is_cut_listed_and_locked) {
  struct fixture *f = *state_;
  char path[256], names[64];
  snprintf(path, sizeof path, "%s/folder/file", f->dir);
  struct mr_io_req p = {.kind = MR_IO_PARENTS, .path = path};
  assert_int_equal(mr_io_wait(f->io, &p), 0);
  struct mr_io_req o = {.kind = MR_IO_OPEN, .path = path, .flags = O_CREAT | O_RDWR, .mode = 0644};
  int one = (int)mr_io_wait(f->io, &o), two = (int)mr_io_wait(f->io, &o);
  assert_true(one >= 0 && two >= 0);
  struct mr_io_req t = {.kind = MR_IO_TRUNCATE, .fd = one, .len = 4097};
  assert_int_equal(mr_io_wait(f->io, &t), 0);
  struct mr_io_req st = {.kind = MR_IO_STAT, .fd = two};
  assert_int_equal(mr_io_wait(f->io, &st), 4097);
  char dir[200];
  snprintf(dir, sizeof dir, "%s/folder", f->dir);
  struct mr_io_req l = {.kind = MR_IO_LIST, .path = dir, .buf = names, .len = sizeof names};
  assert_int_equal(mr_io_wait(f->io, &l), 5);
  assert_string_equal(names, "file");
  l.len = 4;
  assert_int_equal(mr_io_wait(f->io, &l), -ERANGE);
  struct mr_io_req lock = {.kind = MR_IO_LOCK, .fd = one};
  struct mr_io_req other = {.kind = MR_IO_LOCK, .fd = two};
  struct mr_io_req test = {.kind = MR_IO_LOCK_TEST, .fd = two};
  assert_int_equal(mr_io_wait(f->io, &test), 0);
  assert_int_equal(mr_io_wait(f->io, &lock), 0);
  assert_int_equal(mr_io_wait(f->io, &other), -EAGAIN);
  assert_int_equal(mr_io_wait(f->io, &test), 1);
  close_at(f, one);
  assert_int_equal(mr_io_wait(f->io, &other), 0);
  close_at(f, two);
  struct mr_io_req rm = {.kind = MR_IO_REMOVE_DIR, .path = dir};
  assert_int_equal(mr_io_wait(f->io, &rm), -ENOTEMPTY);
  struct mr_io_req un = {.kind = MR_IO_UNLINK, .path = path};
  assert_int_equal(mr_io_wait(f->io, &un), 0);
  assert_int_equal(mr_io_wait(f->io, &rm), 0);
  assert_int_equal(mr_io_wait(f->io, &l), -ENOENT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  struct mr_io *probe;
  struct mr_error err = {0};
  int rc = mr_io_create(&probe, MR_IO_BEST, NULL, NULL, &err);
  if (rc == MR_ERR_CONF) { /* what MILLRACE_IO names is refused */
    printf("skipped: %s\n", err.text);
    return 77;
  }
  if (rc == MR_OK) mr_io_destroy(probe);
  signal(SIGXFSZ, SIG_IGN);
  const struct CMUnitTest cases[] = {
      CASE(many_writes_and_reads_at_once_all_arrive),
      CASE(a_cached_read_is_finished_on_return),
      CASE(a_blocked_read_holds_up_no_write),
      MR_CASE(the_end_gives_up_reads_and_writes_that_block_for_ever),
      MR_CASE(the_end_waits_for_writes_to_files),
      CASE(a_pipe_takes_a_large_write_piece_by_piece),
      CASE(a_reader_that_went_away_is_an_error_not_a_signal),
      CASE(a_full_device_is_an_error),
      CASE(a_write_beyond_the_file_size_limit_says_how_far_it_came),
      CASE(parents_are_made_and_kept),
      CASE(a_call_is_made_in_a_thread_and_says_what_it_returned),
      CASE(the_other_kinds_work),
      CASE(a_file_is_cut_listed_and_locked),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
