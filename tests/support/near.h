/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Comparing doubles: cmocka's own comparison rounds to float. Include cmocka.h first.
 */
#ifndef TEST_SUPPORT_NEAR_H
#define TEST_SUPPORT_NEAR_H

#include <math.h>

/* `a` is within `relative` of `b`; b = 0 asks for a = 0. */
#define assert_within(a, b, relative)                                                                                  \
    do {                                                                                                               \
        double within_a = (a), within_b = (b);                                                                         \
        if (!(within_a == within_b || fabs(within_a - within_b) <= (relative)*fabs(within_b)))                         \
            fail_msg("%s is %.17g, not %.17g", #a, within_a, within_b);                                                \
    } while (0)
/* Equal but for the rounding of a few sums. */
#define assert_near(a, b) assert_within(a, b, 1e-9)

#endif
