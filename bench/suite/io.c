/* SPDX-License-Identifier: Apache-2.0 */
/* Appends of 256 KiB to a new file, direct, eight in flight, one sync at the end: runtime/io beside
 * fio on the same file system. Both allocate the file before the clock starts. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "io/io.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define BYTES UINT64_C(2147483648)
#define BLOCK (UINT64_C(256) << 10)
#define DEPTH 8u
#define FIO   "/usr/bin/fio"

struct disk {
  char path[1024], report[1024];
  uint64_t bytes;
  char *buffers;
};

static int fail(struct mr_bench_run *run, const char *what, int64_t error) {
  snprintf(run->error, sizeof run->error, "%.150s: %s", what, strerror((int)-error));
  return MR_ERR_IO;
}

static int setup(struct mr_bench_run *run) {
  struct disk *disk = calloc(1, sizeof *disk);
  if (!disk) return MR_ERR_NOMEM;
  snprintf(disk->path, sizeof disk->path, "%.900s/io-append", run->dir);
  snprintf(disk->report, sizeof disk->report, "%.900s/io-fio.json", run->dir);
  disk->bytes = (uint64_t)((double)BYTES * run->scale) / BLOCK * BLOCK;
  disk->buffers =
      mmap(NULL, DEPTH * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (disk->buffers == MAP_FAILED || !disk->bytes) {
    free(disk);
    return MR_ERR_NOMEM;
  }
  for (uint64_t i = 0; i < DEPTH * BLOCK; i++) disk->buffers[i] = (char)(i * 2654435761u >> 13);
  run->data = disk;
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct disk *disk = run->data;
  (void)unlink(disk->path);
  (void)unlink(disk->report);
  munmap(disk->buffers, DEPTH * BLOCK);
  free(disk);
  run->data = NULL;
}

/* ---- fio ---- */

/* A number of the report's "write" object, the first one of that name behind it. */
static uint64_t reported(const char *text, const char *name) {
  const char *at = strstr(text, "\"write\" : {");
  at = at ? strstr(at, name) : NULL;
  return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static int fio(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct disk *disk = run->data;
  char file[1100], size[64], output[1100];
  static char text[65536];
  if (access(FIO, X_OK) != 0) {
    snprintf(run->error, sizeof run->error, FIO " is not there; Debian's package fio has it");
    return MR_ERR_NOENT;
  }
  snprintf(file, sizeof file, "--filename=%s", disk->path);
  snprintf(size, sizeof size, "--size=%llu", (unsigned long long)disk->bytes);
  snprintf(output, sizeof output, "--output=%s", disk->report);
  char *argv[] = {FIO,           "--name=append",        file,          size,
                  output,        "--output-format=json", "--rw=write",  "--bs=256k",
                  "--iodepth=8", "--ioengine=io_uring",  "--fixedbufs", "--registerfiles",
                  "--direct=1",  "--end_fsync=1",        "--unlink=1",  NULL};
  int rc = mr_suite_spawn(run, argv, NULL, &sample->cpu_ns, NULL);
  if (rc) return rc;
  int fd = open(disk->report, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (len <= 0) return fail(run, disk->report, -errno);
  text[len] = 0;
  uint64_t bytes = reported(text, "\"io_bytes\" : "), rate = reported(text, "\"bw_bytes\" : ");
  if (bytes != disk->bytes || !rate) return fail(run, "fio's report", -EINVAL);
  sample->events = bytes;
  sample->wall_ns = (uint64_t)((double)bytes * 1e9 / (double)rate);
  return MR_OK;
}

/* ---- runtime/io ---- */

static int write_all(struct mr_bench_run *run, struct mr_io *io, int fd) {
  struct disk *disk = run->data;
  struct mr_io_req reqs[DEPTH] = {0};
  for (uint64_t at = 0, i = 0; at < disk->bytes + DEPTH * BLOCK; at += BLOCK, i = (i + 1) % DEPTH) {
    int64_t n = mr_io_finish(io, &reqs[i]); /* an idle one is finished */
    if (at >= DEPTH * BLOCK && n != (int64_t)BLOCK) return fail(run, disk->path, n);
    if (at >= disk->bytes) continue;
    reqs[i] = (struct mr_io_req){
        .kind = MR_IO_WRITE, .fd = fd, .buf = disk->buffers + i * BLOCK, .len = BLOCK, .off = at};
    mr_io_submit(io, &reqs[i]);
  }
  struct mr_io_req sync = {.kind = MR_IO_DATASYNC, .fd = fd};
  int64_t rc = mr_io_wait(io, &sync);
  return rc ? fail(run, disk->path, rc) : MR_OK;
}

static int append(struct mr_bench_run *run, struct mr_io *io, struct mr_bench_sample *sample) {
  struct disk *disk = run->data;
  struct mr_io_req req = {.kind = MR_IO_OPEN,
                          .path = disk->path,
                          .flags = O_RDWR | O_CREAT | O_TRUNC | O_DIRECT,
                          .mode = 0644};
  int64_t fd = mr_io_wait(io, &req);
  if (fd < 0) return fail(run, disk->path, fd);
  req = (struct mr_io_req){
      .kind = MR_IO_ALLOCATE, .fd = (int)fd, .len = disk->bytes, .flags = MR_IO_LENGTHEN};
  int64_t allocated = mr_io_wait(io, &req);
  uint64_t begin = mr_machine_now_ns(), cpu = mr_machine_cpu_ns();
  int rc = allocated < 0 ? fail(run, disk->path, allocated) : write_all(run, io, (int)fd);
  sample->wall_ns = mr_machine_now_ns() - begin;
  sample->cpu_ns = mr_machine_cpu_ns() - cpu;
  sample->events = disk->bytes;
  req = (struct mr_io_req){.kind = MR_IO_CLOSE, .fd = (int)fd};
  mr_io_wait(io, &req);
  (void)unlink(disk->path);
  return rc;
}

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct disk *disk = run->data;
  struct mr_error err;
  struct mr_io *io;
  int rc = mr_io_create(&io, MR_IO_BEST, NULL, NULL, &err);
  if (!rc) {
    rc = mr_io_add_buffers(io, disk->buffers, DEPTH * BLOCK, &err);
    if (!rc)
      rc = append(run, io, sample);
    else
      snprintf(run->error, sizeof run->error, "%.200s", err.text);
    mr_io_destroy(io);
  } else {
    snprintf(run->error, sizeof run->error, "%.200s", err.text);
  }
  return rc;
}

const struct mr_bench mr_bench_io_append = {
    .name = "io-append",
    .what = "direct appends of 256 KiB, eight in flight, and a sync, against fio with io_uring on "
            "the same file system",
    .unit = "MB/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .engine_cores = 1,
    .now = {0.95, 0.95},
    .later = {1.00, 1.00},
    .anywhere = true,
    .no_output = true,
    .setup = setup,
    .plain = fio,
    .engine = engine,
    .teardown = teardown,
};
