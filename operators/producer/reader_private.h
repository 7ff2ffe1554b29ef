/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_READER_PRIVATE_H
#define MR_PRODUCER_READER_PRIVATE_H

/* A reader's parts: what gives it bytes (reader_input.c), what makes rows of them (reader.c), and
 * what holds rows back until they are due (pace.c). */

#include "producer/reader.h"

enum mr_next {
  MR_NEXT_LINES, /* go on */
  MR_NEXT_WAIT,  /* nothing now */
  MR_NEXT_END,   /* nothing any more */
  MR_NEXT_FAILED /* the graph was stopped */
};

/* Begins the next part: a file. */
enum mr_next mr_reader_next_part(struct mr_reader *reader, struct mr_op_ctx *ctx);
/* Gives the lines the next block of the part. The last one may hold nothing but the end. */
enum mr_next mr_reader_next_block(struct mr_reader *reader, struct mr_op_ctx *ctx);
/* Where the part that begins is the rest of one, goes to its place. False: the graph was stopped.
 */
bool mr_reader_resume(struct mr_reader *reader, struct mr_op_ctx *ctx);
/* Hands the line over that is no row; false: later. */
bool mr_reader_offer_bad(struct mr_reader *reader, struct mr_op_ctx *ctx);

/* The same of an input that several instances share. */
enum mr_next mr_share_next_part(struct mr_reader *reader, struct mr_op_ctx *ctx);
/* The next block of a part whose end is not known yet: the reader holds the baton. */
enum mr_next mr_share_next_block(struct mr_reader *reader, struct mr_op_ctx *ctx);
void mr_share_end_part(struct mr_reader *reader);

int mr_pace_init(struct mr_reader *reader, struct mr_op_ctx *ctx);
/* Fills the batch with rows that are due; returns as fill_batch of reader.c does. */
enum mr_poll mr_pace_fill(struct mr_reader *reader, struct mr_op_ctx *ctx, struct mr_batch *batch,
                          uint32_t *rows);
void mr_pace_emit(struct mr_reader *reader, struct mr_op_ctx *ctx, struct mr_batch *batch);

#endif
