/* SPDX-License-Identifier: Apache-2.0 */
/* What topics ask of files: exact lengths, space, folders, locks, direct writes. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/io.h"

#define BLOCK MR_IO_ALIGN
#define DEPTH 8u

static struct mr_io *io;
static char dir[64], path[128], other[128];

static int set_up(void **state) {
  (void)state;
  struct mr_error err = {0};
  assert_int_equal(mr_io_create(&io, MR_IO_BEST, NULL, NULL, &err), MR_OK);
  /* not on a tmpfs: that has no blocks to write directly */
  snprintf(dir, sizeof dir, "/var/tmp/test_io_XXXXXX");
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/file", dir);
  snprintf(other, sizeof other, "%s/other", dir);
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

static int open_it(const char *name, int flags) {
  int64_t fd =
      ask((struct mr_io_req){.kind = MR_IO_OPEN, .path = name, .flags = flags, .mode = 0644});
  assert_true(fd >= 0);
  return (int)fd;
}

static void close_it(int fd) {
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_CLOSE, .fd = fd}), 0);
}

static int64_t size_of(const char *name) {
  return ask((struct mr_io_req){.kind = MR_IO_STAT, .path = name});
}

MR_TEST(a_file_is_cut_to_its_exact_length_and_what_was_allocated_is_freed) {
  MR_UNUSED_STATE;
  int fd = open_it(path, O_RDWR | O_CREAT);
  int64_t rc = ask((struct mr_io_req){
      .kind = MR_IO_ALLOCATE, .fd = fd, .len = 1 << 20, .flags = MR_IO_LENGTHEN});
  if (rc == -EOPNOTSUPP) mr_skip("the file system allocates nothing ahead");
  assert_int_equal(rc, 0);
  assert_int_equal(size_of(path), 1 << 20);
  assert_int_equal(
      ask((struct mr_io_req){.kind = MR_IO_WRITE, .fd = fd, .buf = "abc", .len = 3, .off = 4096}),
      3);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_TRUNCATE, .fd = fd, .len = 4099}), 0);
  assert_int_equal(size_of(path), 4099);
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_true(st.st_blocks * 512 <= 8192);
  char buf[8] = {0};
  assert_int_equal(
      ask((struct mr_io_req){.kind = MR_IO_READ, .fd = fd, .buf = buf, .len = 8, .off = 4095}), 4);
  assert_memory_equal(buf, "\0abc", 4);
  close_it(fd);
}

MR_TEST(folders_are_listed_and_removed) {
  MR_UNUSED_STATE;
  char sub[160], names[64];
  snprintf(sub, sizeof sub, "%s/sub/x", dir);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_PARENTS, .path = sub}), 0);
  *strrchr(sub, '/') = 0;
  close_it(open_it(path, O_WRONLY | O_CREAT));
  struct mr_io_req list = {.kind = MR_IO_LIST, .path = dir, .buf = names, .len = sizeof names};
  assert_int_equal(ask(list), sizeof "file" + sizeof "sub");
  bool file_first = !strcmp(names, "file");
  assert_string_equal(names, file_first ? "file" : "sub");
  assert_string_equal(names + strlen(names) + 1, file_first ? "sub" : "file");
  list.len = 8;
  assert_int_equal(ask(list), -ERANGE);
  list.path = path;
  assert_int_equal(ask(list), -ENOTDIR);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_REMOVE_DIR, .path = dir}), -ENOTEMPTY);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_REMOVE_DIR, .path = sub}), 0);
  assert_int_equal(size_of(sub), -ENOENT);
}

MR_TEST(direct_writes_in_flight_together_arrive_and_the_tail_is_cut) {
  MR_UNUSED_STATE;
  static _Alignas(BLOCK) char bufs[DEPTH][2 * BLOCK], back[DEPTH * 2 * BLOCK];
  static struct mr_io_req reqs[DEPTH];
  struct mr_error err = {0};
  assert_int_equal(mr_io_add_buffers(io, bufs, sizeof bufs, &err), MR_OK);
  int fd = open_it(path, O_RDWR | O_CREAT | O_DIRECT);
  ask((struct mr_io_req){
      .kind = MR_IO_ALLOCATE, .fd = fd, .len = sizeof bufs, .flags = MR_IO_LENGTHEN});
  for (uint32_t round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < DEPTH; i++) {
      memset(bufs[i], (int)('a' + i + round), sizeof bufs[i]);
      reqs[i] = (struct mr_io_req){.kind = MR_IO_WRITE,
                                   .fd = fd,
                                   .buf = bufs[i],
                                   .len = sizeof bufs[i],
                                   .off = (uint64_t)i * sizeof bufs[i]};
      mr_io_submit(io, &reqs[i]);
    }
    for (uint32_t i = 0; i < DEPTH; i++)
      assert_int_equal(mr_io_finish(io, &reqs[i]), sizeof bufs[i]);
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = fd}), 0);
  }
  assert_int_equal(ask((struct mr_io_req){
                       .kind = MR_IO_READ, .fd = fd, .buf = back, .len = sizeof back, .off = 0}),
                   sizeof back);
  assert_memory_equal(back, bufs, sizeof back);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_TRUNCATE, .fd = fd, .len = 12345}), 0);
  close_it(fd);
  assert_int_equal(size_of(path), 12345);
}

MR_TEST(a_file_system_without_direct_writes_opens_the_file_all_the_same) {
  MR_UNUSED_STATE;
  struct mr_io_req req = {
      .kind = MR_IO_OPEN, .path = "/proc/self/comm", .flags = O_RDWR | O_DIRECT};
  int64_t fd = mr_io_wait(io, &req);
  assert_true(fd >= 0);
  assert_int_equal(req.flags & O_DIRECT, 0);
  assert_int_equal(
      ask((struct mr_io_req){
          .kind = MR_IO_WRITE, .fd = (int)fd, .buf = "odd", .len = 3, .off = MR_IO_STREAM}),
      3);
  close_it((int)fd);
}

MR_TEST(a_lock_is_waited_for_as_long_as_was_asked_and_ends_with_its_process) {
  MR_UNUSED_STATE;
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  close_it(open_it(path, O_RDWR | O_CREAT));
  pid_t child = fork();
  if (child == 0) {
    int fd = open(path, O_RDWR);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char ok = fcntl(fd, F_OFD_SETLK, &l) == 0;
    if (write(ready[1], &ok, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char ok = 0;
  assert_int_equal(read(ready[0], &ok, 1), 1);
  assert_true(ok);
  int fd = open_it(path, O_RDWR);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = fd, .len = 0}), -EAGAIN);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = fd, .len = 30}), -EAGAIN);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK_TEST, .fd = fd}), 1);
  struct mr_io_req lock = {.kind = MR_IO_LOCK, .fd = fd, .len = 20000};
  mr_io_submit(io, &lock);
  kill(child, SIGKILL);
  assert_int_equal(mr_io_finish(io, &lock), 0);
  waitpid(child, NULL, 0);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK_TEST, .fd = fd}), 0);
  int second = open_it(path, O_RDWR);
  lock = (struct mr_io_req){.kind = MR_IO_LOCK, .fd = second, .len = 600000};
  mr_io_submit(io, &lock);
  mr_io_cancel(io); /* whoever waits for a lock can be stopped */
  assert_int_equal(mr_io_finish(io, &lock), -ECANCELED);
  close_it(fd);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = second, .len = 0}), 0);
  close_it(second);
  close(ready[0]);
  close(ready[1]);
}

int main(void) {
  struct mr_io *probe;
  struct mr_error err = {0};
  int rc = mr_io_create(&probe, MR_IO_BEST, NULL, NULL, &err);
  if (rc == MR_ERR_CONF) { /* what MILLRACE_IO names is refused */
    printf("skipped: %s\n", err.text);
    return 77;
  }
  if (rc == MR_OK) mr_io_destroy(probe);
  const struct CMUnitTest cases[] = {
      cmocka_unit_test_setup_teardown(
          a_file_is_cut_to_its_exact_length_and_what_was_allocated_is_freed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(folders_are_listed_and_removed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(direct_writes_in_flight_together_arrive_and_the_tail_is_cut,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          a_file_system_without_direct_writes_opens_the_file_all_the_same, set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          a_lock_is_waited_for_as_long_as_was_asked_and_ends_with_its_process, set_up, tear_down),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
