/* SPDX-License-Identifier: Apache-2.0 */
/* A disk whose power can be cut, as a file for a loop device: cutfs IMAGE MOUNTPOINT [FUSE FLAGS].
 * MOUNTPOINT/disk is the image, in memory. A write is kept once an fsync has followed it, which is
 * what a loop device makes of a flush. Writing "SEED PATH" to MOUNTPOINT/cut writes to PATH what
 * the disk would hold after a cut at that moment: of each sector of 512 bytes that was written and
 * not flushed, the old or the new content, as the seed has it. The disk itself goes on. */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u

static uint8_t *now, *kept, *dirty; /* dirty: a byte per sector */
static uint64_t sz;

static int get_attr(const char *path, struct stat *st, struct fuse_file_info *fi) {
  (void)fi;
  memset(st, 0, sizeof *st);
  st->st_nlink = 1;
  st->st_mode = strcmp(path, "/") ? S_IFREG | 0600 : S_IFDIR | 0700;
  if (!strcmp(path, "/disk")) st->st_size = (off_t)sz;
  return strcmp(path, "/") && strcmp(path, "/disk") && strcmp(path, "/cut") ? -ENOENT : 0;
}

static int open_any(const char *path, struct fuse_file_info *fi) {
  (void)path, (void)fi;
  return 0;
}

static int truncate_any(const char *path, off_t len, struct fuse_file_info *fi) {
  (void)path, (void)len, (void)fi;
  return 0;
}

static int read_disk(const char *path, char *buf, size_t len, off_t off,
                     struct fuse_file_info *fi) {
  (void)fi;
  if (strcmp(path, "/disk") || (uint64_t)off >= sz) return 0;
  if (len > sz - (uint64_t)off) len = sz - (uint64_t)off;
  memcpy(buf, now + off, len);
  return (int)len;
}

static int cut(const char *order, size_t len) {
  char text[4096], path[4000];
  unsigned long long seed;
  if (len >= sizeof text) return -EINVAL;
  memcpy(text, order, len);
  text[len] = 0;
  if (sscanf(text, "%llu %3999s", &seed, path) != 2) return -EINVAL;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return -errno;
  uint8_t *image = malloc(sz);
  if (!image) abort();
  memcpy(image, kept, sz);
  uint64_t x = seed * 2862933555777941757u + 3037000493u, share = seed % 5;
  for (uint64_t s = 0; s < sz / SECTOR; s++) {
    if (!dirty[s]) continue;
    x = x * 6364136223846793005u + 1442695040888963407u;
    if ((x >> 33) % 4 < share) memcpy(image + s * SECTOR, now + s * SECTOR, SECTOR);
  }
  for (uint64_t at = 0; at < sz;) {
    ssize_t n = write(fd, image + at, sz - at);
    if (n <= 0) abort();
    at += (uint64_t)n;
  }
  free(image);
  close(fd);
  return (int)len;
}

static int write_any(const char *path, const char *buf, size_t len, off_t off,
                     struct fuse_file_info *fi) {
  (void)fi;
  if (!strcmp(path, "/cut")) return cut(buf, len);
  if ((uint64_t)off + len > sz) return -ENOSPC;
  memcpy(now + off, buf, len);
  for (uint64_t s = (uint64_t)off / SECTOR; s * SECTOR < (uint64_t)off + len; s++) dirty[s] = 1;
  return (int)len;
}

static int flush_disk(const char *path, int datasync, struct fuse_file_info *fi) {
  (void)path, (void)datasync, (void)fi;
  for (uint64_t s = 0; s < sz / SECTOR; s++) {
    if (!dirty[s]) continue;
    memcpy(kept + s * SECTOR, now + s * SECTOR, SECTOR);
    dirty[s] = 0;
  }
  return 0;
}

int main(int argc, char **argv) {
  static const struct fuse_operations ops = {.getattr = get_attr,
                                             .open = open_any,
                                             .truncate = truncate_any,
                                             .read = read_disk,
                                             .write = write_any,
                                             .fsync = flush_disk};
  struct stat st;
  int fd = argc > 2 ? open(argv[1], O_RDONLY) : -1;
  if (fd < 0 || fstat(fd, &st)) return 64;
  sz = (uint64_t)st.st_size / SECTOR * SECTOR;
  now = malloc(sz);
  kept = malloc(sz);
  dirty = calloc(sz / SECTOR, 1);
  if (!now || !kept || !dirty || read(fd, now, sz) != (ssize_t)sz) return 1;
  memcpy(kept, now, sz);
  close(fd);
  argv[1] = argv[0];
  return fuse_main(argc - 1, argv + 1, &ops, NULL);
}
