/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rule text: what it means and what is wrong with it.
 */
#include "build.h"

#include "graph/private.h"

#include <string.h>

/* Shapes are written "8 16; 16 32". */
static int read_shapes(const char *text, struct sc_shape *shapes)
{
    int count = *text ? 1 : 0;
    for (; *text; text++) {
        struct sc_shape *shape = &shapes[count - 1];
        if (*text == ';') {
            count++;
        } else if (*text >= '0' && *text <= '9') {
            int64_t value = 0;
            for (; *text >= '0' && *text <= '9'; text++)
                value = value * 10 + (*text - '0');
            text--;
            shape->size[shape->rank++] = value;
        }
    }
    return count;
}

struct good {
    const char *text, *shapes, *canonical, *result; /* shape of result 0 */
};

static const struct good good[] = {
    {"b s h, h f -> b s f", "2 3 5; 5 7", "b s h, h f -> b s f", "2 3 7"},
    {"bsh,hf->bsf", "2 3 5; 5 7", "b s h, h f -> b s f", "2 3 7"},
    {"bsh, hf -> bsf", "2 3 5; 5 7", "b s h, h f -> b s f", "2 3 7"},
    {"... h, h f -> ... f", "2 3 5; 5 7", "d0 d1 h, h f -> d0 d1 f", "2 3 7"},
    {"... h, h f -> ... f", "5; 5 7", "h, h f -> f", "7"},
    {"e ... h, e h f -> e ... f", "4 2 3 5; 4 5 7", "e d0 d1 h, e h f -> e d0 d1 f", "4 2 3 7"},
    {"tokens -> tokens", "9", "tokens -> tokens", "9"},
    {"b -> b", "9", "b -> b", "9"},
    {"ab->ba", "3 4", "a b -> b a", "4 3"},
    {"b s -> b s", "3 4", "b s -> b s", "3 4"},
    {"b s ->", "3 4", "b s -> ()", ""},
    {"b s -> ()", "3 4", "b s -> ()", ""},
    {"() -> ()", "", "() -> ()", ""},
    {"b c h*2 w*2 -> b c h w", "1 2 8 6", "b c h*2 w*2 -> b c h w", "1 2 4 3"},
    {"b h -> b h*3", "1 2", "b h -> b h*3", "1 6"},
    {"b (n d), n -> b n d", "2 12; 4", "b (n d), n -> b n d", "2 4 3"},
    {"_ h -> _ h", "6 2", "_ h -> _ h", "1 2"},
    {"x n -> x n | stat n 2", "3 4", "x n -> x n | stat n 2", "3 4"},
    {"x n -> x n|replicate n,halo x 0", "3 4", "x n -> x n | replicate n", "3 4"},
    {"b s d, b t d -> b s d | ring t s, replicate d", "1 2 3; 1 4 3", "b s d, b t d -> b s d | replicate d, ring t s",
     "1 2 3"},
    {"row_1 col2 -> col2", "3 4", "row_1 col2 -> col2", "4"},
};

static void bind(const char *text, const char *shapes, struct sc_binding *binding, struct sc_shape *operands,
                 struct sc_arena *arena, struct sc_error *err, enum sc_status *status)
{
    memset(binding, 0, sizeof *binding);
    memset(operands, 0, SC_MAX_PORTS * sizeof *operands);
    memset(err, 0, sizeof *err);
    binding->text = text;
    binding->operands = operands;
    binding->operand_count = strncmp(text, "()", 2) == 0 ? 1 : read_shapes(shapes, operands);
    *status = sc_rule_bind(arena, binding, err);
}

static void rules_bind_to_shapes(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    for (size_t i = 0; i < SC_LEN(good); i++) {
        struct sc_binding binding;
        struct sc_shape operands[SC_MAX_PORTS], wanted[SC_MAX_PORTS] = {{0}};
        struct sc_error err;
        enum sc_status status;
        bind(good[i].text, good[i].shapes, &binding, operands, arena, &err, &status);
        if (status != SC_OK)
            fail_msg("\"%s\": %s", good[i].text, err.message);
        assert_string_equal(binding.rule.text, good[i].canonical);
        read_shapes(good[i].result, wanted);
        assert_int_equal(binding.results[0].rank, wanted[0].rank);
        for (int d = 0; d < wanted[0].rank; d++)
            assert_int_equal(binding.results[0].size[d], wanted[0].size[d]);
    }
    sc_arena_free(arena);
}

static void factors_know_their_kind(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    struct sc_binding binding;
    struct sc_shape operands[SC_MAX_PORTS];
    struct sc_error err;
    enum sc_status status;
    bind("b s d, b t d, t v -> b s v | replicate d, ring t s, halo b 3", "2 3 5; 2 7 5; 7 11", &binding, operands,
         arena, &err, &status);
    assert_int_equal(status, SC_OK);
    const struct sc_factor *f = binding.rule.factor;
    const enum sc_factor_kind kinds[] = {SC_HALO, SC_PASS, SC_REPLICATE, SC_RING, SC_PASS};
    const int64_t sizes[] = {2, 3, 5, 7, 11};
    assert_int_equal(binding.rule.factor_count, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(f[i].kind, kinds[i]);
        assert_int_equal(f[i].size, sizes[i]);
    }
    assert_int_equal(f[0].halo, 3);
    assert_string_equal(f[f[3].partner].name, "s");
    bind("a b, b -> a", "2 3; 3", &binding, operands, arena, &err, &status);
    assert_int_equal(binding.rule.factor[1].kind, SC_REDUCE);
    sc_arena_free(arena);
}

static void binding_a_canonical_text_again_changes_nothing(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    for (size_t i = 0; i < SC_LEN(good); i++) {
        struct sc_binding first, second;
        struct sc_shape operands[SC_MAX_PORTS];
        struct sc_error err;
        enum sc_status status;
        bind(good[i].text, good[i].shapes, &first, operands, arena, &err, &status);
        bind(first.rule.text, good[i].shapes, &second, operands, arena, &err, &status);
        if (status != SC_OK)
            fail_msg("\"%s\": %s", first.rule.text, err.message);
        assert_string_equal(first.rule.text, second.rule.text);
    }
    sc_arena_free(arena);
}

static const struct {
    const char *text, *shapes, *message; /* a part of it */
} bad[] = {
    {"b s h, h f", "2 3 5; 5 7", "expected \"->\""},
    {"b s h -> b s h", "2 3 5; 5 7", "it has 1 operands; the op has 2"},
    {"b s, h f -> b s f", "2 3 5; 5 7", "operand 1 has 3 dimensions; the rule wants 2"},
    {"b s h, h f -> b s f", "2 3 5; 6 7", "h is 5 in operand 1 and 6 in operand 2"},
    {"b s h, h f -> b s g", "2 3 5; 5 7", "the size of the factor g does not follow"},
    {"b b -> b", "2 2", "the factor b walks two dimensions of one tensor"},
    {"(b b) -> b", "4", "twice in one dimension"},
    {"b*0 -> b", "4", "a scale of 0"},
    {"b*3 -> b", "4", "is 4, not a multiple of 3"},
    {"b*99999999999 -> b", "4", "a number larger than"},
    {"b*x -> b", "4", "expected a number"},
    {"b (n -> b n", "4 4", "expected a factor's name"},
    {"b n -> b n | stat", "4 4", "expected a factor's name"},
    {"b n -> b n | stat n", "4 4", "expected a number"},
    {"b n -> b n | stat n 0", "4 4", "the least is 1"},
    {"b n -> b n | stat q 2", "4 4", "no dimension walks the factor q"},
    {"b n -> b n | ring n n", "4 4", "the partner has to be another factor"},
    {"b n -> b n | shard n", "4 4", "expected replicate, stat, halo or ring"},
    {"b n -> b n | replicate n n", "4 4", "is not expected here"},
    {"b ... ... -> b", "4 4", "\"...\" twice"},
    {"b c d ... -> b", "4 4", "operand 1 has 2 dimensions; the rule wants at least 3"},
    {"averyverylongname x -> x", "4 4", "longer than 11 letters"},
    {"(a b c d e) x -> x", "4 4", "more than 4 factors"},
    {"a1 b1 c1 d1 e1 f1 g1 h1 i1 -> a1", "4 4", "more than 8 dimensions"},
    {"(a b) x -> a b x", "4 4", "does not follow from the operands"},
    {"a1 b1 c1 d1 e1 f1 g1 h1, i1 j1 k1 l1 m1 n1 o1 p1 -> a1", "1 1 1 1 1 1 1 1; 1 1 1 1 1 1 1 1",
     "more than 14 factors"},
    {"b () -> b", "4 4", "an empty product"},
    {"() b -> b", "4 4", "stands alone"},
    {"b \xc3\xa9 -> b", "4 4", "expected a factor's name"},
    {"", "4", "expected \"->\""},
};

static void wrong_rules_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    for (size_t i = 0; i < SC_LEN(bad); i++) {
        struct sc_binding binding;
        struct sc_shape operands[SC_MAX_PORTS];
        struct sc_error err;
        enum sc_status status;
        bind(bad[i].text, bad[i].shapes, &binding, operands, arena, &err, &status);
        if (status != SC_INPUT || !strstr(err.message, bad[i].message))
            fail_msg("\"%s\" on %s: status %d, \"%s\" instead of \"%s\"", bad[i].text, bad[i].shapes, status,
                     err.message, bad[i].message);
    }
    sc_arena_free(arena);
}

static void sizes_can_be_given(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    struct sc_shape operands[1] = {{.rank = 1, .size = {12}}};
    struct sc_binding binding = {.text = "(a b) -> a b c",
                                 .operands = operands,
                                 .operand_count = 1,
                                 .size_count = 2,
                                 .sizes = {{"b", 4}, {"c", 5}}};
    struct sc_error err = {0};
    assert_int_equal(sc_rule_bind(arena, &binding, &err), SC_OK);
    assert_int_equal(binding.results[0].size[0], 3);
    assert_int_equal(binding.results[0].size[2], 5);
    binding.sizes[0].value = 5;
    assert_int_equal(sc_rule_bind(arena, &binding, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "not a multiple of 5"));
    binding.sizes[0] = (struct sc_size){"bb", 4};
    assert_int_equal(sc_rule_bind(arena, &binding, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "which it does not have"));
    binding.sizes[0] = (struct sc_size){"b", 0};
    assert_int_equal(sc_rule_bind(arena, &binding, &err), SC_INPUT);
    assert_non_null(strstr(err.message, "the least is 1"));
    sc_arena_free(arena);
}

static void names_are_taken_over_from_operands(void **state)
{
    (void)state;
    struct sc_arena *arena = sc_arena_new();
    struct sc_shape operands[2] = {{.rank = 3, .size = {2, 3, 5}, .names = {"b", "s", "f"}},
                                   {.rank = 2, .size = {5, 7}}};
    struct sc_binding binding = {
        .text = "... h, h f -> ... f", .operands = operands, .operand_count = 2, .inherit = true};
    struct sc_error err = {0};
    assert_int_equal(sc_rule_bind(arena, &binding, &err), SC_OK);
    assert_string_equal(binding.rule.text, "b s f, f h -> b s h"); /* h and f have changed places */
    assert_string_equal(binding.results[0].names[2], "h");
    binding.inherit = false; /* an own rule keeps its names; "..." has none of its own */
    assert_int_equal(sc_rule_bind(arena, &binding, &err), SC_OK);
    assert_string_equal(binding.rule.text, "b s h, h f -> b s f");
    sc_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_bind_to_shapes),
        cmocka_unit_test(factors_know_their_kind),
        cmocka_unit_test(binding_a_canonical_text_again_changes_nothing),
        cmocka_unit_test(wrong_rules_are_refused_with_a_reason),
        cmocka_unit_test(sizes_can_be_given),
        cmocka_unit_test(names_are_taken_over_from_operands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
