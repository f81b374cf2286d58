/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * number: doubles in text, the same in every locale. Private to base.
 */
#ifndef SC_BASE_NUMBER_H
#define SC_BASE_NUMBER_H

enum { SC_NUMBER_TEXT = 32 }; /* bytes that hold any written number */

/* As strtod in the C locale. *end (may be NULL) is set behind the number. */
double sc_number_read(const char *text, char **end);
/* `value` into `out`, with the fewest of 15 to 17 digits that read back exactly; whole numbers below 2^53
 * without an exponent; "inf" and "nan" for what is not finite. */
void sc_number_write(double value, char out[SC_NUMBER_TEXT]);

#endif
