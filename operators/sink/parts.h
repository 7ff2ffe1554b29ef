/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SINK_PARTS_H
#define MR_SINK_PARTS_H

/* A folder of parts, for a sink under checkpoints: rows between two barriers are a part, which is
 * hidden until the checkpoint that has it is durable.
 *
 *   .part-NUMBER-0000.ndjson --(barrier: written, synced, closed)--> sealed
 *                            --(published)--> part-NUMBER-0000.ndjson
 *
 * NUMBER is that of the checkpoint that seals it (plus base). So whoever restores checkpoint R
 * knows by the names alone: parts up to R are published, those behind it are taken away. Readers
 * see whole parts only, each once. */

#include "sink/writer.h"
#include "state/save.h"

#define MR_PARTS_PENDING 64u /* sealed parts that wait for their checkpoint, at most */

struct mr_part {
  uint64_t number;
  uint32_t seq;
  uint64_t bytes, rows;
  char *from, *to; /* paths: hidden, and published; room for any number */
};

enum mr_parts_sealing { MR_PARTS_OPEN, MR_PARTS_SHUTTING, MR_PARTS_SYNCING, MR_PARTS_SEALED };

struct mr_parts {
  struct mr_writer writer; /* of the part that is open */
  const char *dir, *end;   /* folder, and how names end: ".ndjson" */
  uint64_t base;           /* of numbers: what was there before the graph */
  uint64_t rows;           /* put into parts that are sealed */
  uint64_t durable;        /* the checkpoint up to which parts may be published */
  enum mr_parts_sealing sealing;
  struct mr_io_req sync; /* of the folder */
  struct mr_part open;
  struct mr_part pending[MR_PARTS_PENDING]; /* sealed, oldest first */
  uint32_t pending_cnt;
  struct mr_io_req renames[MR_PARTS_PENDING]; /* of the first rename_cnt of them */
  uint32_t rename_cnt;
};

/* Makes the folder; where nothing is restored, takes away the parts of an earlier graph (append:
 * only those never published). The writer has its memory and encoder. MR_ERR_IO. */
int mr_parts_init(struct mr_parts *parts, struct mr_op_ctx *ctx, const char *dir, const char *end,
                  bool append, struct mr_error *err);
/* mr_op.snapshot, restore and published. */
void mr_parts_snapshot(struct mr_parts *parts, struct mr_op_ctx *ctx, struct mr_save *to);
int mr_parts_restore(struct mr_parts *parts, struct mr_op_ctx *ctx, const struct mr_load *from,
                     struct mr_error *err);
void mr_parts_published(struct mr_parts *parts, struct mr_op_ctx *ctx, uint64_t checkpoint);
/* For fini: waits for what is on its way. */
void mr_parts_fini(struct mr_parts *parts, struct mr_op_ctx *ctx);

#endif
