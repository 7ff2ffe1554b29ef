/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_BAD_H
#define MR_FORMAT_BAD_H

/* Why a line is no row: stable codes of dead letters (group 3xxx of the diagnostics), shared by all
 * formats. The cause beside the code names the field and what was expected. */

#define MR_BAD_LONG "MR3001" /* longer than max_line */
#define MR_BAD_UTF8 "MR3002" /* not valid UTF-8 */
#define MR_BAD_SYNTAX                                                                              \
  "MR3003" /* not one well-formed JSON object, or with a number beyond any double; CSV: quotes,    \
              NUL */
#define MR_BAD_DEPTH     "MR3004" /* nested too deeply */
#define MR_BAD_MISSING   "MR3005" /* a declared field is missing or null */
#define MR_BAD_TYPE      "MR3006" /* a value of another type than declared */
#define MR_BAD_VALUE     "MR3007" /* right type, impossible value: range, date, text of a time */
#define MR_BAD_ONE_OF    "MR3008" /* a text that is not among one_of */
#define MR_BAD_NO_TIME   "MR3009" /* a row without event time */
#define MR_BAD_TOO_LARGE "MR3010" /* strings and lists that no batch can hold */
#define MR_BAD_CELLS     "MR3011" /* CSV: other cells than the header, or a header that is none */

#define MR_BAD_CAUSE_SZ 256 /* bytes of a cause, NUL included */

#endif
