/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_LIMITS_H
#define MR_BASE_LIMITS_H

/* Every limit of the engine, in one place. A derived limit is computed and asserted here. */

#include <stdint.h>

#define MR_BATCH_ROWS      1024u /* rows in a batch; 256 lose 16 to 48 %, 4096 from +5 to -25 % */
#define MR_BATCH_WORDS     (MR_BATCH_ROWS / 64u)
#define MR_HEAP_BLOCK_SZ   65536u /* bytes in one block of a batch's heap */
#define MR_HEAP_BLOCKS_MAX 64u    /* blocks that one batch may chain; then it is sent */
#define MR_COPY_BATCHES    16u    /* batches of copied rows on their way over one link */
#define MR_BASES_MAX       16u    /* batches that one batch's columns may reference */

#define MR_NAME_MAX       63u   /* bytes of a node, column or graph name */
#define MR_COLUMNS_MAX    256u  /* columns of a schema */
#define MR_NODES_MAX      256u  /* nodes of a graph */
#define MR_INSTANCES_MAX  512u  /* operator instances of a graph */
#define MR_WORKERS_MAX    64u   /* workers of a graph */
#define MR_LINKS_MAX      1024u /* links of a graph */
#define MR_PARTITIONS_MAX 256u  /* source partitions of a graph */
#define MR_KEY_GROUPS     128u  /* shares that a keyed stream is split into */
#define MR_ENUM_MAX       250u  /* values of a one_of column */
#define MR_KEYS_MAX       16u   /* key columns of one window or group */

#define MR_LINK_ITEMS   64u /* items of a link unless runtime.link_items says otherwise */
#define MR_LINK_CONTROL 2u  /* slots of each link kept for control items */
#define MR_LINK_BURST   16u /* items that a reader takes off a link at a time */
/* Links to a merger: an instance need not be far ahead, and memory costs start-up time and cache.
 */
#define MR_MERGE_ITEMS       8u /* items at most */
#define MR_MERGE_ERROR_ITEMS 2u /* the same for error rows */
#define MR_MERGE_BURST       2u /* items taken off at a time */
#define MR_LINE_MAX_DEFAULT  (1u << 20)
#define MR_ROW_TEXT_MAX      (1u << 20) /* bytes of a row's JSON text in a dead letter */
#define MR_EXPR_TEXT_MAX     65536u     /* bytes of one expression */
#define MR_EXPR_TOKENS_MAX                                                                         \
  4096u /* tokens of one expression: the grammar library's stack allows no more */
#define MR_STATE_SEGMENT_SZ  65536u /* bytes of one segment of a keyed table */
#define MR_STATE_DEFAULT_MAX (UINT64_C(256) << 20)
#define MR_DENSE_GROUPS_MAX  65536u              /* groups of a dense table over enum keys */
#define MR_GRAPH_FILE_MAX    (UINT64_C(1) << 20) /* bytes of a graph file */

_Static_assert(MR_BATCH_ROWS % 64 == 0, "a selection is whole words");
_Static_assert(MR_ENUM_MAX < 255, "an enum's code is one byte, 255 is none");
_Static_assert((MR_KEY_GROUPS & (MR_KEY_GROUPS - 1)) == 0, "a key group is a mask of the hash");

#endif
