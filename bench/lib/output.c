/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "lib/bench.h"

uint64_t mr_bench_row_hash(const int64_t *columns, size_t cnt) {
  uint64_t h = cnt;
  for (size_t i = 0; i < cnt; i++) h = mr_hash_combine(h, (uint64_t)columns[i]);
  return h;
}

int mr_bench_file_hash(const char *path, uint64_t *rows, uint64_t *hash) {
  *rows = *hash = 0;
  FILE *f = fopen(path, "re");
  if (!f) return MR_ERR_IO;
  char *line = NULL;
  size_t room = 0;
  ssize_t n;
  while ((n = getline(&line, &room, f)) >= 0) {
    if (n && line[n - 1] == '\n') n--;
    ++*rows;
    *hash += mr_hash_bytes(line, (size_t)n);
  }
  bool bad = ferror(f) != 0;
  free(line);
  fclose(f);
  return bad ? MR_ERR_IO : MR_OK;
}
