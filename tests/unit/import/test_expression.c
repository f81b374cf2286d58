/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Expressions of model files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "import/model.h"

#include <stdio.h>
#include <string.h>

static const int64_t list[] = {3, 4, 6};
static const struct sc_variable variables[] = {
    {"hidden", 2560, NULL, 0}, {"heads", 32, NULL, 0}, {"i", 2, NULL, 0},
    {"blocks", 0, list, 3},    {"zero", 0, NULL, 0},   {"i", 1, NULL, 0},
};

static const struct {
    const char *text;
    int64_t value;
} good[] = {
    {"7", 7},
    {" hidden ", 2560},
    {"i", 1}, /* the later one hides the earlier */
    {"4 * hidden", 10240},
    {"hidden / heads", 80},
    {"1 + 2 * 3", 7},
    {"(1 + 2) * 3", 9},
    {"10 - 3 - 2", 5},
    {"2 * 3 % 4", 2},
    {"-3", -3},
    {"--3", 3},
    {"2 - -3", 5},
    {"-7 % 3", -1},
    {"floor_div(-7, 2)", -4},
    {"floor_div(7, 2)", 3},
    {"ceil_div(-7, 2)", -3},
    {"ceil_div(7, 2)", 4},
    {"ceil_div(8, 2)", 4},
    {"ceil_div(7, -2)", -3},
    {"floor_div(7, -2)", -4},
    {"floor_div(7, -1)", -7},
    {"min(3, 1, 2)", 1},
    {"max(3, 9, 2)", 9},
    {"blocks[0]", 3},
    {"blocks[i + 1] * 2", 12},
    {"zero ? 1 : 2", 2},
    {"i ? zero ? 5 : 6 : 7", 6},
    {"zero ? 5 : i ? 6 : 7", 6},
    {"i > 0 && heads == 32", 1},
    {"i >= 1 || 1 / zero", 1},
    {"zero && 1 / zero", 0},
    {"zero ? 1 / zero : 3", 3},
    {"zero ? blocks[99] : 3", 3},
    {"!zero", 1},
    {"!hidden", 0},
    {"!(1 == 1)", 0},
    {"1 != 2", 1},
    {"1 < 2", 1},
    {"2 <= 2", 1},
    {"3 > 3", 0},
    {"3 >= 4", 0},
    {"1 < 2 == 1", 1},
    {"9223372036854775807", INT64_MAX},
    {"zero", 0},
};

static void expressions_have_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(good); i++) {
        char why[256] = "";
        int64_t value = -12345;
        if (!sc_expression_eval(good[i].text, variables, SC_LEN(variables), &value, why, sizeof why))
            fail_msg("\"%s\": %s", good[i].text, why);
        if (value != good[i].value)
            fail_msg("\"%s\" is %lld, not %lld", good[i].text, (long long)value, (long long)good[i].value);
    }
}

static const struct {
    const char *text, *why;
} bad[] = {
    {"", "it ends where a number or a name is expected"},
    {"1 +", "it ends where a number or a name is expected"},
    {"1 2", "expected an operator or the end"},
    {"(1", "expected"},
    {"1)", "expected an operator or the end, found \")\""},
    {"hiden", "unknown name \"hiden\"; did you mean \"hidden\"?"},
    {"qqqqqqqq", "unknown name \"qqqqqqqq\""},
    {"1.5", "numbers are whole"},
    {"12e3", "numbers are whole"},
    {"hidden / 3", "2560 / 3 leaves 1 over"},
    {"1 / zero", "division of 1 by zero"},
    {"1 % 0", "division of 1 by zero"},
    {"ceil_div(1, 0)", "division of 1 by zero"},
    {"9223372036854775808", "overflows"},
    {"9223372036854775807 + 1", "overflows"},
    {"-9223372036854775807 - 2", "overflows"},
    {"(-9223372036854775807 - 1) / -1", "overflows"},
    {"9223372036854775807 * 2", "overflows"},
    {"-(-9223372036854775807 - 1)", "overflows"},
    {"blocks", "\"blocks\" is a list of 3"},
    {"blocks[3]", "the list has 3, so from 0 to 2"},
    {"blocks[-1]", "the list has 3"},
    {"blocks[1", "\"]\""},
    {"heads[1]", "\"heads\" is one number"},
    {"min 1", "\"(\""},
    {"min(1)", "\",\""},
    {"min(1, 2", "\")\""},
    {"ceil_div(1, 2, 3)", "\")\""},
    {"1 ? 2", "\":\""},
    {"? 1", "expected a number"},
    {"a b", "unknown name"},
    {"1 = 1", "expected an operator"},
    {"#", "at character 1"},
    {"\xff", "at character 1"},
};

static void wrong_expressions_say_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(bad); i++) {
        char why[256] = "";
        int64_t value;
        if (sc_expression_eval(bad[i].text, variables, SC_LEN(variables), &value, why, sizeof why))
            fail_msg("\"%s\" has the value %lld", bad[i].text, (long long)value);
        if (!strstr(why, bad[i].why))
            fail_msg("\"%s\": \"%s\" instead of \"%s\"", bad[i].text, why, bad[i].why);
    }
}

static void deep_and_long_expressions_end(void **state)
{
    (void)state;
    static char text[400001];
    const char *const deep[] = {"(", "-", "!", "1?", "min(", "blocks["};
    char why[256];
    int64_t value;
    for (size_t k = 0; k < SC_LEN(deep); k++) {
        size_t length = 0;
        while (length + strlen(deep[k]) < sizeof text - 1)
            length += (size_t)sprintf(text + length, "%s", deep[k]);
        assert_false(sc_expression_eval(text, variables, SC_LEN(variables), &value, why, sizeof why));
        assert_non_null(strstr(why, "nested deeper"));
    }
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = i % 2 ? '+' : '1';
    text[sizeof text - 2] = '\0';
    assert_true(sc_expression_eval(text, variables, SC_LEN(variables), &value, why, sizeof why));
    assert_int_equal(value, (sizeof text - 1) / 2);
}

/* Random expressions against a plain evaluation of the same tree. */
static int64_t make(uint64_t *seed, int depth, struct sc_str *out)
{
    if (depth == 0 || sc_random_below(seed, 4) == 0) {
        int64_t value = (int64_t)sc_random_below(seed, 9);
        sc_str_addf(out, "%lld", (long long)value);
        return value;
    }
    static const char *const tokens[] = {"+", "-", "*", "<", "==", "&&", "||"};
    size_t op = sc_random_below(seed, SC_LEN(tokens));
    sc_str_add(out, "(");
    int64_t a = make(seed, depth - 1, out);
    sc_str_addf(out, " %s ", tokens[op]);
    int64_t b = make(seed, depth - 1, out);
    sc_str_add(out, ")");
    switch (op) {
    case 0:
        return a + b;
    case 1:
        return a - b;
    case 2:
        return a * b;
    case 3:
        return a < b;
    case 4:
        return a == b;
    case 5:
        return a && b;
    default:
        return a || b;
    }
}

static void random_expressions_agree(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 5000; round++) {
        struct sc_str text = {0};
        char why[256];
        int64_t wanted = make(&seed, 5, &text), value;
        if (!sc_expression_eval(sc_str_text(&text), NULL, 0, &value, why, sizeof why) || value != wanted)
            fail_msg("\"%s\" is not %lld", sc_str_text(&text), (long long)wanted);
        sc_str_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_values),
        cmocka_unit_test(wrong_expressions_say_why),
        cmocka_unit_test(deep_and_long_expressions_end),
        cmocka_unit_test(random_expressions_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
