/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "io/memory.h"

static struct mr_io *make_io(void) {
  struct mr_io *io = NULL;
  struct mr_error err = {0};
  assert_int_equal(mr_io_create(&io, MR_IO_MEMORY, NULL, NULL, &err), MR_OK);
  return io;
}

static int open_at(struct mr_io *io, const char *path, int flags) {
  struct mr_io_req req = {.kind = MR_IO_OPEN, .path = path, .flags = flags, .mode = 0644};
  return (int)mr_io_wait(io, &req);
}

static struct mr_io_req write_req(int fd, const char *text, uint64_t off) {
  return (struct mr_io_req){.kind = MR_IO_WRITE,
                            .fd = fd,
                            .buf = (void *)(uintptr_t)text,
                            .len = strlen(text),
                            .off = off};
}

static void assert_content(struct mr_io *io, const char *path, const char *want) {
  size_t len;
  const char *data = mr_io_memory_get(io, path, &len);
  assert_non_null(data);
  assert_int_equal(len, strlen(want));
  assert_memory_equal(data, want, len);
}

MR_TEST(what_is_written_can_be_read) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  int fd = open_at(io, "a", O_WRONLY | O_CREAT);
  assert_true(fd >= 3);
  struct mr_io_req w = write_req(fd, "hello, world", 0);
  assert_int_equal(mr_io_wait(io, &w), 12);
  struct mr_io_req c = {.kind = MR_IO_CLOSE, .fd = fd};
  assert_int_equal(mr_io_wait(io, &c), 0);
  fd = open_at(io, "a", O_RDONLY);
  char buf[32];
  struct mr_io_req r = {.kind = MR_IO_READ, .fd = fd, .buf = buf, .len = sizeof buf, .off = 7};
  assert_int_equal(mr_io_wait(io, &r), 5);
  assert_memory_equal(buf, "world", 5);
  r.off = 12;
  assert_int_equal(mr_io_wait(io, &r), 0);
  mr_io_destroy(io);
}

MR_TEST(a_stream_goes_on_where_it_stood) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  mr_io_memory_put(io, "stdin", "abcdef", 6);
  char buf[4] = "";
  struct mr_io_req r = {.kind = MR_IO_READ, .fd = 0, .buf = buf, .len = 4, .off = MR_IO_STREAM};
  assert_int_equal(mr_io_wait(io, &r), 4);
  assert_int_equal(mr_io_wait(io, &r), 2);
  assert_memory_equal(buf, "efcd", 4);
  assert_int_equal(mr_io_wait(io, &r), 0);
  mr_io_destroy(io);
}

MR_TEST(short_and_interrupted_writes_are_finished) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  mr_io_memory_fault(io, &(struct mr_io_fault){MR_IO_WRITE, 0, UINT32_MAX, 0, 5});
  mr_io_memory_fault(io, &(struct mr_io_fault){MR_IO_WRITE, 1, 1, EINTR, 0});
  int fd = open_at(io, "a", O_WRONLY | O_CREAT);
  struct mr_io_req w = write_req(fd, "0123456789abcdefg", 0);
  assert_int_equal(mr_io_wait(io, &w), 17);
  assert_int_equal(w.done, 17);
  assert_content(io, "a", "0123456789abcdefg");
  mr_io_destroy(io);
}

MR_TEST(a_failed_write_says_how_far_it_came) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  mr_io_memory_fault(io, &(struct mr_io_fault){MR_IO_WRITE, 2, 1, EIO, 0});
  mr_io_memory_fault(io, &(struct mr_io_fault){MR_IO_WRITE, 0, 2, 0, 3});
  int fd = open_at(io, "a", O_WRONLY | O_CREAT);
  struct mr_io_req w = write_req(fd, "0123456789", 0);
  assert_int_equal(mr_io_wait(io, &w), -EIO);
  assert_int_equal(w.done, 6);
  assert_content(io, "a", "012345");
  mr_io_destroy(io);
}

MR_TEST(a_full_disk_takes_what_fits_and_then_fails) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  mr_io_memory_space(io, 4);
  int fd = open_at(io, "a", O_WRONLY | O_CREAT);
  struct mr_io_req w = write_req(fd, "0123456789", 0);
  assert_int_equal(mr_io_wait(io, &w), -ENOSPC);
  assert_int_equal(w.done, 4);
  assert_content(io, "a", "0123");
  mr_io_memory_space(io, 100);
  w = write_req(fd, "xyz", 4);
  assert_int_equal(mr_io_wait(io, &w), 3);
  assert_content(io, "a", "0123xyz");
  mr_io_destroy(io);
}

MR_TEST(appending_ignores_the_offset) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  mr_io_memory_put(io, "a", "old ", 4);
  int fd = open_at(io, "a", O_WRONLY | O_APPEND);
  struct mr_io_req w = write_req(fd, "new", 0);
  assert_int_equal(mr_io_wait(io, &w), 3);
  assert_content(io, "a", "old new");
  mr_io_destroy(io);
}

MR_TEST(opening_can_fail_and_truncate) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  assert_int_equal(open_at(io, "none", O_RDONLY), -ENOENT);
  mr_io_memory_put(io, "a", "old", 3);
  assert_true(open_at(io, "a", O_WRONLY | O_TRUNC) >= 3);
  assert_content(io, "a", "");
  mr_io_memory_fault(io, &(struct mr_io_fault){MR_IO_OPEN, 0, 1, EACCES, 0});
  assert_int_equal(open_at(io, "a", O_RDONLY), -EACCES);
  assert_true(open_at(io, "a", O_RDONLY) >= 3);
  mr_io_destroy(io);
}

MR_TEST(a_rename_replaces_the_target) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  mr_io_memory_put(io, "a", "new", 3);
  mr_io_memory_put(io, "b", "old", 3);
  struct mr_io_req r = {.kind = MR_IO_RENAME, .path = "a", .path_to = "b"};
  assert_int_equal(mr_io_wait(io, &r), 0);
  assert_content(io, "b", "new");
  size_t len;
  assert_null(mr_io_memory_get(io, "a", &len));
  mr_io_destroy(io);
}

static void count_wake(void *ctx) {
  ++*(int *)ctx;
}

MR_TEST(delayed_requests_finish_in_order_at_their_poll) {
  MR_UNUSED_STATE;
  struct mr_io *io = NULL;
  int wakes = 0;
  assert_int_equal(mr_io_create(&io, MR_IO_MEMORY, count_wake, &wakes, NULL), MR_OK);
  int fd = open_at(io, "a", O_WRONLY | O_CREAT);
  mr_io_memory_delay(io, 2);
  struct mr_io_req first = write_req(fd, "ab", 0), second = write_req(fd, "cd", 1);
  mr_io_submit(io, &first);
  assert_true(mr_io_in_flight(&first));
  assert_int_equal(mr_io_poll(io), 1);
  mr_io_submit(io, &second);
  assert_int_equal(mr_io_poll(io), 1);
  assert_true(mr_io_done(&first));
  assert_false(mr_io_done(&second));
  assert_int_equal(wakes, 1);
  assert_int_equal(mr_io_finish(io, &second), 2);
  assert_int_equal(mr_io_poll(io), 0);
  assert_content(io, "a", "acd");
  mr_io_destroy(io);
}

MR_TEST(a_file_is_cut_listed_and_locked) {
  MR_UNUSED_STATE;
  struct mr_io *io = make_io();
  mr_io_memory_put(io, "d/a", "abcdef", 6);
  mr_io_memory_put(io, "d/sub/b", "x", 1);
  mr_io_memory_put(io, "d/sub/c", "x", 1);
  int one = open_at(io, "d/a", O_RDWR), two = open_at(io, "d/a", O_RDWR);
  struct mr_io_req t = {.kind = MR_IO_TRUNCATE, .fd = one, .len = 4};
  assert_int_equal(mr_io_wait(io, &t), 0);
  assert_content(io, "d/a", "abcd");
  char names[16];
  struct mr_io_req l = {.kind = MR_IO_LIST, .path = "d", .buf = names, .len = sizeof names};
  assert_int_equal(mr_io_wait(io, &l), 6);
  assert_memory_equal(names, "a\0sub", 6);
  l.len = 5;
  assert_int_equal(mr_io_wait(io, &l), -ERANGE);
  l.path = "nowhere";
  assert_int_equal(mr_io_wait(io, &l), -ENOENT);
  struct mr_io_req lock = {.kind = MR_IO_LOCK, .fd = one};
  struct mr_io_req other = {.kind = MR_IO_LOCK, .fd = two};
  struct mr_io_req test = {.kind = MR_IO_LOCK_TEST, .fd = two};
  assert_int_equal(mr_io_wait(io, &test), 0);
  assert_int_equal(mr_io_wait(io, &lock), 0);
  assert_int_equal(mr_io_wait(io, &lock), 0);
  assert_int_equal(mr_io_wait(io, &other), -EAGAIN);
  assert_int_equal(mr_io_wait(io, &test), 1);
  struct mr_io_req c = {.kind = MR_IO_CLOSE, .fd = one};
  assert_int_equal(mr_io_wait(io, &c), 0);
  assert_int_equal(mr_io_wait(io, &other), 0);
  assert_int_equal(open_at(io, "d/a", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
  mr_io_destroy(io);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      MR_CASE(what_is_written_can_be_read),
      MR_CASE(a_stream_goes_on_where_it_stood),
      MR_CASE(short_and_interrupted_writes_are_finished),
      MR_CASE(a_failed_write_says_how_far_it_came),
      MR_CASE(a_full_disk_takes_what_fits_and_then_fails),
      MR_CASE(appending_ignores_the_offset),
      MR_CASE(opening_can_fail_and_truncate),
      MR_CASE(a_rename_replaces_the_target),
      MR_CASE(delayed_requests_finish_in_order_at_their_poll),
      MR_CASE(a_file_is_cut_listed_and_locked),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
