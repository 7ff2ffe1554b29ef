/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_SHARE_H
#define MR_PRODUCER_SHARE_H

/* The parsing of one input, spread over the instances of its source. The input is cut into parts,
 * each a whole number of rows and one turn of an instance (worker/ctx.h). Who wants a part needs
 * the baton: its holder alone says where the next part ends, and hands the baton on. In JSON lines
 * of a regular file a look at the bytes around the end does; it is then read by whoever has it,
 * without the baton. Of CSV, where a line end may stand in a cell, and of a stream, the holder has
 * to read what it cuts. Where no row ends in a block, the holder keeps the baton and reads on. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "format/cut.h"
#include "producer/files.h"

struct mr_op_ctx;
struct mr_reader;

struct mr_shared_file {
  _Atomic uint32_t users; /* parts being read, and the holders' place; 0: free */
  int fd;
  bool stream;
  const char *name;
  uint32_t label;
};

struct mr_share {
  _Atomic uint32_t held; /* 1: somebody has the baton, and all below */
  bool made;
  bool has_files;
  struct mr_files files;
  struct mr_shared_file open[MR_WORKERS_MAX + 1], *file; /* file: that is being cut; NULL: none */
  uint64_t next;                                         /* where the next part begins */
  uint64_t part_sz;                                      /* bytes of a part, about */
  bool fresh; /* the next part is the first of its file */
  bool ended; /* there is no other part */
  struct mr_cut cut;
  char *carry; /* of a stream: bytes behind the last cut, as many as a block */
  uint64_t carry_len;
  char *header; /* of the file, for those who do not read it themselves */
  uint32_t header_len, header_max;
  uint64_t file_cnt; /* files begun */
  bool whole;        /* the file is not cut: its header is larger than a block */
};

/* What an instance has of it. */
struct mr_shared_part {
  struct mr_shared_file *file;
  uint64_t begin;     /* where it begins */
  bool holds;         /* the baton */
  bool opening;       /* it has asked for the next file */
  bool looking;       /* and for the bytes at the part's end */
  uint64_t look_off;  /* where these are */
  uint64_t header_of; /* file_cnt of the header that its decoder knows */
};

#define MR_SHARE_PART_SZ (512u << 10)

/* By the first instance: fd is a stream, or -1: the files of path. MR_ERR_IO, MR_ERR_NOMEM. */
int mr_share_init(struct mr_share *share, struct mr_op_ctx *ctx, const char *path, int fd,
                  struct mr_error *err);
/* By the last one that is asked, once no job is in flight. */
void mr_share_fini(struct mr_share *share, struct mr_op_ctx *ctx);

#endif
