/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/headroom.h"

static char root[64];

static int make_root(void **state) {
  (void)state;
  snprintf(root, sizeof root, "/tmp/test_headroom.XXXXXX");
  return mkdtemp(root) ? 0 : 1;
}

static int remove_root(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command) == 0 ? 0 : 1;
}

/* Writes a file below the root, and the folders above it. */
static void put(const char *path, const char *text) {
  char full[512];
  snprintf(full, sizeof full, "%s%s", root, path);
  for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
    *p = 0;
    mkdir(full, 0777);
    *p = '/';
  }
  FILE *file = fopen(full, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void expect(uint64_t bytes, const char *limit) {
  struct mr_headroom room;
  mr_headroom_read(root, &room);
  assert_int_equal(room.bytes, bytes);
  assert_string_equal(room.limit, limit);
}

static void put_machine(void) {
  put("/proc/meminfo", "MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:     400 kB\n");
}

MR_TEST(without_any_file_nothing_limits) {
  MR_UNUSED_STATE;
  expect(UINT64_MAX, "");
}

MR_TEST(the_machine_gives_what_it_has_available) {
  MR_UNUSED_STATE;
  put_machine();
  expect(400 << 10, "MemAvailable of the machine");
}

MR_TEST(a_version_2_group_without_a_limit_does_not_limit) {
  MR_UNUSED_STATE;
  put_machine();
  put("/proc/self/cgroup", "0::/app\n");
  put("/sys/fs/cgroup/app/memory.max", "max\n");
  put("/sys/fs/cgroup/app/memory.current", "1000\n");
  expect(400 << 10, "MemAvailable of the machine");
}

MR_TEST(a_version_2_group_leaves_its_limit_less_what_is_used_and_not_cache) {
  MR_UNUSED_STATE;
  put_machine();
  put("/proc/self/cgroup", "0::/app\n");
  put("/sys/fs/cgroup/app/memory.max", "100000\n");
  put("/sys/fs/cgroup/app/memory.current", "60000\n");
  put("/sys/fs/cgroup/app/memory.stat", "anon 1\nactive_file 5000\ninactive_file 10000\n");
  expect(50000, "/sys/fs/cgroup/app/memory.max");
}

MR_TEST(a_parent_group_limits_too) {
  MR_UNUSED_STATE;
  put_machine();
  put("/proc/self/cgroup", "0::/a/b/c\n");
  put("/sys/fs/cgroup/a/b/c/memory.max", "100000\n");
  put("/sys/fs/cgroup/a/b/c/memory.current", "0\n");
  put("/sys/fs/cgroup/a/memory.max", "90000\n");
  put("/sys/fs/cgroup/a/memory.current", "89000\n");
  expect(1000, "/sys/fs/cgroup/a/memory.max");
}

MR_TEST(a_group_over_its_limit_leaves_nothing) {
  MR_UNUSED_STATE;
  put_machine();
  put("/proc/self/cgroup", "0::/\n");
  put("/sys/fs/cgroup/memory.max", "100\n");
  put("/sys/fs/cgroup/memory.current", "200\n");
  expect(0, "/sys/fs/cgroup/memory.max");
}

MR_TEST(a_version_1_group_limits_also_where_controllers_share_a_line) {
  MR_UNUSED_STATE;
  put_machine();
  put("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:pids,memory:/app\n1:name=systemd:/\n0::/\n");
  put("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "70000\n");
  put("/sys/fs/cgroup/memory/app/memory.usage_in_bytes", "30000\n");
  put("/sys/fs/cgroup/memory/app/memory.stat", "inactive_file 1\ntotal_inactive_file 5000\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "12345\n");
  expect(45000, "/sys/fs/cgroup/memory/app/memory.limit_in_bytes");
}

MR_TEST(in_a_container_the_mount_is_the_group) {
  MR_UNUSED_STATE;
  put_machine();
  put("/proc/self/cgroup", "4:memory:/docker/0123\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "70000\n");
  put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "30000\n");
  expect(40000, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
}

MR_TEST(the_system_itself_leaves_something) {
  MR_UNUSED_STATE;
  struct mr_headroom room;
  mr_headroom_read("", &room);
  assert_true(room.bytes > 0);
}

#define IN_ROOT(sentence) cmocka_unit_test_setup_teardown(sentence, make_root, remove_root)

static const struct CMUnitTest cases[] = {
    IN_ROOT(without_any_file_nothing_limits),
    IN_ROOT(the_machine_gives_what_it_has_available),
    IN_ROOT(a_version_2_group_without_a_limit_does_not_limit),
    IN_ROOT(a_version_2_group_leaves_its_limit_less_what_is_used_and_not_cache),
    IN_ROOT(a_parent_group_limits_too),
    IN_ROOT(a_group_over_its_limit_leaves_nothing),
    IN_ROOT(a_version_1_group_limits_also_where_controllers_share_a_line),
    IN_ROOT(in_a_container_the_mount_is_the_group),
    MR_CASE(the_system_itself_leaves_something),
};
MR_MAIN(cases)
