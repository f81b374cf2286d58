/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The problem as an object: builder, variations, reader with its errors, writer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "solve/solve.h"

static struct sc_problem *parse(const char *text)
{
    struct sc_problem *p = NULL;
    struct sc_error err = {0};
    if (sc_problem_parse("text", text, strlen(text), &p, &err) != SC_OK)
        fail_msg("%d:%d: %s: %s", err.line, err.column, err.path, err.message);
    return p;
}

static void builder_shares_tables(void **state)
{
    (void)state;
    struct sc_problem_builder *b = sc_problem_builder_new("two");
    double row[3] = {1, 2, INFINITY}, table[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, other[9] = {1};
    struct sc_problem *p;
    struct sc_error err = {0};
    assert_int_equal(sc_problem_add_node(b, 3, row, "a"), 0);
    assert_int_equal(sc_problem_add_node(b, 3, row, NULL), 1);
    assert_int_equal(sc_problem_add_table(b, 3, 3, table, 7), 0);
    assert_int_equal(sc_problem_add_table(b, 3, 3, table, 7), 0);
    assert_int_equal(sc_problem_add_table(b, 3, 3, other, 7), 1); /* a key that lies is not believed */
    assert_int_equal(sc_problem_add_table(b, 3, 3, table, 0), 2);
    assert_int_equal(sc_problem_add_edge(b, 0, 1, 0), 0);
    assert_int_equal(sc_problem_build(b, &p, &err), SC_OK);
    sc_problem_builder_free(b);
    assert_int_equal(p->table_count, 3);
    assert_true(p->quantum == 1 && p->limit == INFINITY);
    assert_string_equal(p->names[0], "a");
    assert_true(((uintptr_t)p->cost[1] & 31) == 0 && ((uintptr_t)p->tables[0].at & 31) == 0);
    assert_true(p->tables[0].at[p->tables[0].stride] == 3);

    double cheap[3] = {INFINITY, 0.5, 9};
    struct sc_problem *varied;
    assert_int_equal(sc_problem_vary(p, 1, (int[]){1}, (const double *[]){cheap}, 5, &varied, &err), SC_OK);
    sc_problem_free(p); /* the variation keeps what it shares */
    assert_true(varied->cost[1][1] == 0.5 && varied->cost[0][1] == 2 && varied->limit == 5 && varied->quantum == 0);
    assert_true(sc_problem_check(varied, (int[]){1, 1}).cost == 2 + 0.5 + 4);
    assert_int_equal(sc_problem_vary(varied, 1, (int[]){2}, (const double *[]){cheap}, 5, &p, &err), SC_INPUT);
    sc_problem_free(varied);
}

static void builder_refuses(void **state)
{
    (void)state;
    double row[2] = {0, 0}, bad[2] = {0, NAN}, negative[2] = {0, -1};
    for (int wrong = 0; wrong < 8; wrong++) {
        struct sc_problem_builder *b = sc_problem_builder_new("bad");
        struct sc_problem *p;
        struct sc_error err = {0};
        sc_problem_add_node(b, 2, row, NULL);
        sc_problem_add_node(b, 1, row, NULL);
        int table = sc_problem_add_table(b, 2, 1, row, 0), index = 0;
        switch (wrong) {
        case 0:
            index = sc_problem_add_node(b, 0, row, NULL);
            break;
        case 1:
            index = sc_problem_add_node(b, 2, bad, NULL);
            break;
        case 2:
            index = sc_problem_add_edge(b, 0, 0, table);
            break;
        case 3:
            index = sc_problem_add_edge(b, 1, 0, table);
            break; /* the wrong way round */
        case 4:
            index = sc_problem_add_edge(b, 0, 2, table);
            break;
        case 5:
            index = sc_problem_add_usage(b, 0, 0, 1, negative);
            break;
        case 6:
            index = -1, sc_problem_set_limit(b, NAN);
            break;
        default:
            index = sc_problem_add_table(b, 2, 0, row, 0);
            break;
        }
        assert_int_equal(index, -1);
        assert_int_equal(sc_problem_build(b, &p, &err), SC_INPUT);
        assert_null(p);
        sc_problem_builder_free(b);
    }
    struct sc_problem_builder *b = sc_problem_builder_new("empty");
    struct sc_problem *p;
    struct sc_error err = {0};
    assert_int_equal(sc_problem_build(b, &p, &err), SC_INPUT);
    sc_problem_builder_free(b);
}

static void reads_numbers(void **state)
{
    (void)state;
    struct sc_problem *p = parse(
        "{\"problem\":{\"edges\":{\"costs\":[[0.1,1e3,-2.5E-3,1e15]],\"nodes\":[[1,0]]},"
        "\"nodes\":{\"costs\":[[9007199254740993,1e400],[0.30000000000000004,123456789012345678901234567890e-25]]},"
        "\"name\":\"t\\u00e4\\ud83d\\ude00\\n\"}}");
    assert_string_equal(p->name, "t\xc3\xa4\xf0\x9f\x98\x80\n");
    assert_true(p->quantum == 0 && p->usage_count == 0 && p->limit == INFINITY);
    assert_true(p->tables[0].at[0] == 0.1 && p->tables[0].at[1] == 1000);
    assert_true(p->tables[0].at[p->tables[0].stride] == -0.0025 &&
                p->tables[0].at[p->tables[0].stride + 1] == INFINITY);
    assert_true(p->cost[0][0] == INFINITY && p->cost[0][1] == INFINITY);
    assert_true(p->cost[1][0] == 0.30000000000000004 && p->cost[1][1] == 12345.678901234568);
    sc_problem_free(p);
}

struct broken {
    const char *text, *path;
    int line, column;
};

#define NODES(costs) "{\"problem\":{\"nodes\":{\"costs\":" costs "}}}"
static const struct broken broken[] = {
    {"", "", 1, 1},
    {"[]", "", 1, 1},
    {"{", "", 1, 2},
    {"{}", "", 0, 0},
    {"{\"problem\"}", "", 1, 11},
    {"{\"problem\":3}", "problem", 1, 12},
    {"{\"problem\":{}} x", "", 1, 16},
    {"{\"problem\":{},\"problem\":{}}", "", 0, 0},
    {"{\"problem\":{\"noodles\":{}}}", "problem", 0, 0},
    {"{\"problem\":{\"name\":3}}", "problem.name", 1, 20},
    {"{\"problem\":{\"name\":\"a\\q\"}}", "problem.name", 0, 0},
    {"{\"problem\":{\"name\":\"\\ud800\"}}", "problem.name", 0, 0},
    {"{\"problem\":{\"name\":\"a\nb\"}}", "problem.name", 0, 0},
    {"{\"problem\":{\"name\":\"a", "problem.name", 0, 0},
    {NODES("[]"), "", 0, 0},
    {NODES("[[]]"), "problem.nodes.costs[0]", 1, 31},
    {NODES("[[1,2],[]]"), "problem.nodes.costs[1]", 1, 37},
    {NODES("[[1,\n 2,\n nan]]"), "problem.nodes.costs[0][2]", 3, 2},
    {NODES("[[1,2"), "problem.nodes.costs[0][1]", 0, 0},
    {NODES("[[1 2]]"), "problem.nodes.costs[0][0]", 1, 34},
    {NODES("[[1,]]"), "problem.nodes.costs[0][1]", 1, 34},
    {NODES("[[01]]"), "problem.nodes.costs[0][0]", 0, 0},
    {NODES("[[1.]]"), "problem.nodes.costs[0][0]", 0, 0},
    {NODES("[[1e]]"), "problem.nodes.costs[0][0]", 0, 0},
    {NODES("[[+1]]"), "problem.nodes.costs[0][0]", 0, 0},
    {NODES("[[-1e400]]"), "problem.nodes.costs[0][0]", 1, 32},
    {NODES("[[null]]"), "problem.nodes.costs[0][0]", 0, 0},
    {NODES("[1]"), "problem.nodes.costs[0]", 1, 31},
    {NODES("[[1]],\"usages\":[[1]]"), "", 0, 0},
    {NODES("[[1]],\"usages\":[[1]],\"intervals\":[[0]]"), "problem.nodes.intervals[0]", 0, 0},
    {NODES("[[1]],\"usages\":[[1]],\"intervals\":[[0,0.5]]"), "problem.nodes.intervals[0]", 0, 0},
    {NODES("[[1]],\"usages\":[[1]],\"intervals\":[[0,1e300]]"), "problem.nodes.intervals[0]", 0, 0},
    {NODES("[[1]],\"usages\":[[1,2]],\"intervals\":[[0,1]]"), "problem.nodes.usages[0]", 1, 46},
    {NODES("[[1]],\"usages\":[[-1]],\"intervals\":[[0,1]]"), "problem.nodes.usages[0][0]", 1, 47},
    {NODES("[[1]],\"usages\":[[1e999]],\"intervals\":[[0,1]]"), "problem.nodes.usages[0][0]", 1, 47},
    {NODES("[[1]]},\"usage_limit\":-3,\"edges\":{"), "problem.usage_limit", 0, 0},
    {NODES("[[1],[1]]},\"edges\":{\"nodes\":[[0,1]]"), "", 0, 0},
    {NODES("[[1],[1]]},\"edges\":{\"nodes\":[[0,2]],\"costs\":[[1]]"), "problem.edges.nodes[0]", 0, 0},
    {NODES("[[1],[1]]},\"edges\":{\"nodes\":[[-1,1]],\"costs\":[[1]]"), "problem.edges.nodes[0]", 0, 0},
    {NODES("[[1],[1]]},\"edges\":{\"nodes\":[[1,1]],\"costs\":[[1]]"), "problem.edges.nodes[0]", 0, 0},
    {NODES("[[1],[1,2]]},\"edges\":{\"nodes\":[[0,1]],\"costs\":[[1]]"), "problem.edges.costs[0]", 0, 0},
};

static void errors_say_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(broken); i++) {
        struct sc_problem *p = NULL;
        struct sc_error err = {0};
        enum sc_status status = sc_problem_parse("text", broken[i].text, strlen(broken[i].text), &p, &err);
        if (status != SC_INPUT || p || !err.message[0] || strcmp(err.path, broken[i].path) != 0 ||
            (broken[i].line && (err.line != broken[i].line || err.column != broken[i].column)))
            fail_msg("%s\ngives %s at %d:%d, path \"%s\": %s", broken[i].text, sc_status_name(status), err.line,
                     err.column, err.path, err.message);
        assert_int_equal(sc_problem_parse("text", broken[i].text, strlen(broken[i].text), &p, NULL), SC_INPUT);
    }
    static const char with_nul[] = "{\"problem\":{\0}}";
    struct sc_problem *p;
    struct sc_error err = {0};
    assert_int_equal(sc_problem_parse("text", with_nul, sizeof with_nul - 1, &p, &err), SC_INPUT);
}

/* Every prefix and every single changed byte of a good text ends in a problem or an error. */
static void survives_damage(void **state)
{
    (void)state;
    static const char good[] =
        "{\"problem\":{\"name\":\"x\",\"nodes\":{\"intervals\":[[0,2],[1,3]],\"costs\":[[1,2.5],[3]],"
        "\"usages\":[[1,2],[3]]},\"edges\":{\"nodes\":[[0,1]],\"costs\":[[4,5]]},\"usage_limit\":9}}";
    uint64_t seed = 1;
    char text[sizeof good];
    for (size_t i = 0; i < sizeof good; i++)
        for (int kind = 0; kind < 40; kind++) {
            struct sc_problem *p = NULL;
            struct sc_error err = {0};
            memcpy(text, good, sizeof good);
            size_t size = sizeof good - 1;
            if (kind == 0)
                size = i;
            else if (i < size)
                text[i] = (char)sc_random(&seed);
            enum sc_status status = sc_problem_parse("text", text, size, &p, &err);
            assert_true(status == SC_OK ? p != NULL : p == NULL && err.message[0]);
            sc_problem_free(p);
        }
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    struct sc_problem_builder *b = sc_problem_builder_new("w");
    double row[3] = {0.1, 1.0 / 3, INFINITY}, table[6] = {1, 2, INFINITY, 4, 5, 6}, use[3] = {1, 2, 3},
           more[3] = {5, 0, 1};
    struct sc_problem *p, *q;
    struct sc_error err = {0};
    sc_problem_add_node(b, 3, row, NULL);
    sc_problem_add_node(b, 2, row, NULL);
    sc_problem_add_edge(b, 0, 1, sc_problem_add_table(b, 3, 2, table, 0));
    sc_problem_add_usage(b, 0, 0, 5, use);
    sc_problem_add_usage(b, 0, 3, 7, more);
    sc_problem_set_limit(b, 6);
    assert_int_equal(sc_problem_build(b, &p, &err), SC_OK);
    sc_problem_builder_free(b);
    struct sc_str text = {0};
    assert_int_equal(sc_problem_write(p, &text, &err), SC_OK);
    q = parse(sc_str_text(&text));
    assert_int_equal(q->node_count, 3); /* the second term became a node */
    for (int a = 0; a < 3; a++)
        for (int c = 0; c < 2; c++) {
            struct sc_check x = sc_problem_check(p, (int[]){a, c}), y = sc_problem_check(q, (int[]){a, c, a});
            assert_true(x.cost == y.cost && x.feasible == y.feasible && x.peak == y.peak && x.peak_time == y.peak_time);
        }
    sc_problem_free(p);
    sc_problem_free(q);
    sc_str_free(&text);
}

static void loads_files(void **state)
{
    (void)state;
    static const char text[] = NODES("[[1,2],[3]]");
    char path[] = "/tmp/sc_problem_XXXXXX";
    struct sc_problem *p;
    struct sc_error err = {0};
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    assert_int_equal(sc_problem_load(path, &p, &err), SC_OK);
    sc_problem_free(p);

    gzFile gz = gzopen(path, "wb");
    assert_int_equal(gzwrite(gz, text, sizeof text - 1), sizeof text - 1);
    gzclose(gz);
    assert_int_equal(sc_problem_load(path, &p, &err), SC_OK);
    assert_int_equal(p->node_count, 2);
    sc_problem_free(p);

    assert_int_equal(truncate(path, 30), 0); /* a compressed file that ends too early */
    assert_int_equal(sc_problem_load(path, &p, &err), SC_INPUT);
    unlink(path);
    assert_int_equal(sc_problem_load(path, &p, &err), SC_IO);
    assert_int_equal(sc_problem_load("/", &p, &err), SC_IO);
}

static void checker_sweeps(void **state)
{
    (void)state;
    struct sc_problem *p = parse("{\"problem\":{\"nodes\":{\"costs\":[[1],[1],[1]],\"usages\":[[4],[3],[2]],"
                                 "\"intervals\":[[0,10],[10,20],[5,11]]},\"usage_limit\":6}}");
    struct sc_check check = sc_problem_check(p, (int[]){0, 0, 0});
    assert_true(check.feasible && check.peak == 6 && check.peak_time == 5 && check.cost == 3);
    assert_int_equal(sc_problem_check(p, (int[]){0, 1, 0}).bad_node, 1);
    assert_int_equal(sc_problem_check(p, (int[]){0, -1, 0}).bad_node, 1);
    sc_problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builder_shares_tables), cmocka_unit_test(builder_refuses),
        cmocka_unit_test(reads_numbers),         cmocka_unit_test(errors_say_where),
        cmocka_unit_test(survives_damage),       cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(loads_files),           cmocka_unit_test(checker_sweeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
