/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Drawings: every end of an edge is a node, braces and quotes close, each op stands there once or is stood for; copies
 * that differ are not drawn as one. Graphviz has the last word where it is installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plans.h"
#include "support/files.h"

struct drawn {
    int nodes, points, edges, clusters, dashed, sends, tied;
};

/* The text outside of quotes, so that labels do not count; in place. */
static void blank_labels(char *text)
{
    bool quoted = false;
    for (char *c = text; *c; c++) {
        if (quoted && *c == '\\') {
            c[0] = c[1] = '_';
            c++;
        } else if (*c == '"') {
            quoted = !quoted;
        } else if (quoted) {
            assert_int_not_equal(*c, '\n');
            *c = '_';
        }
    }
    assert_false(quoted);
}

static void check_structure(const struct sc_str *text)
{
    struct sc_map nodes = {0};
    char *copy = strdup(sc_str_text(text)), a[64], b[64];
    int depth = 0;
    int64_t seen;
    blank_labels(copy);
    for (char *c = copy; *c; c++) {
        depth += (*c == '{') - (*c == '}');
        assert_true(depth >= 0);
    }
    assert_int_equal(depth, 0);
    for (int pass = 0; pass < 2; pass++)
        for (char *line = copy; line; line = strchr(line, '\n')) {
            line += *line == '\n';
            if (sscanf(line, " %63[a-z0-9_] -> %63[a-z0-9_] [", a, b) == 2) {
                if (pass == 1)
                    assert_true(sc_map_get_text(&nodes, a, &seen) && sc_map_get_text(&nodes, b, &seen));
            } else if (pass == 0 && sscanf(line, " s%63[0-9n_] %1[[]", a, b) == 2) {
                snprintf(b, sizeof b, "s%.60s", a);
                assert_false(sc_map_get_text(&nodes, b, &seen));
                assert_true(sc_map_put_text(&nodes, b, 1));
            }
        }
    assert_true(nodes.count > 0);
    sc_map_free(&nodes);
    free(copy);
}

static int times(const char *text, const char *what)
{
    int count = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        count++;
    return count;
}

static struct drawn draw(const struct sc_plan *plan, const char *format)
{
    struct sc_str text = plan_text(plan, format);
    const char *at = sc_str_text(&text);
    char command[1024];
    check_structure(&text);
    struct drawn out = {.points = times(at, "shape=point"),
                        .edges = times(at, " -> "),
                        .clusters = times(at, "subgraph cluster_"),
                        .dashed = times(at, "style=dashed"),
                        .sends = times(at, "style=bold, color"),
                        .tied = times(at, "style=dotted, color")};
    out.nodes = times(at, "shape=") - out.points;
    if (system("dot -V >/dev/null 2>&1") == 0) {
        snprintf(command, sizeof command, "dot -Tsvg '%s' >/dev/null", files_write("plan.dot", at, text.length));
        assert_int_equal(system(command), 0);
    }
    sc_str_free(&text);
    return out;
}

/* Nodes of all stages' costs. */
static int count_nodes(const struct sc_plan *plan, bool ops)
{
    int count = 0;
    for (int i = 0; i < plan->stage_count; i++)
        for (int n = 0; n < plan->stages[i].plan->costs->node_count; n++)
            count += (plan->stages[i].plan->costs->nodes[n].op >= 0) == ops;
    return count;
}

static int count_edges(const struct sc_plan *plan)
{
    int count = 0;
    for (int i = 0; i < plan->stage_count; i++)
        count += plan->stages[i].plan->costs->edge_count;
    return count;
}

static void all_is_drawn(void **state)
{
    (void)state;
    struct sc_plan *plans[] = {plan_gpt(), plan_t5(), plan_mlp()};
    for (size_t i = 0; i < SC_LEN(plans); i++) {
        struct drawn all = draw(plans[i], "dot:all");
        assert_int_equal(all.nodes, count_nodes(plans[i], true));
        assert_int_equal(all.points, count_nodes(plans[i], false));
        assert_int_equal(all.edges - all.sends - all.tied, count_edges(plans[i]));
        assert_int_equal(all.clusters, plans[i]->stage_count + plans[i]->graph->layer_count);
        assert_int_equal(all.dashed, 0);
        assert_true(plans[i]->stage_count == 1 || all.sends >= plans[i]->stage_count - 1);
        sc_plan_free(plans[i]);
    }
}

static void alike_copies_are_drawn_once(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_gpt();
    struct drawn all = draw(plan, "dot:all"), folded = draw(plan, "dot");
    struct sc_str text = plan_text(plan, "dot");
    /* All six layers are in one stage, and pinned alike. */
    assert_int_equal(folded.clusters, all.clusters - 5);
    assert_true(folded.nodes < all.nodes / 2 && folded.dashed > 0);
    assert_int_equal(times(sc_str_text(&text), "label=\"layer.0 \xc3\x97"
                                               "6\""),
                     1);
    sc_str_free(&text);
    sc_plan_free(plan);
}

/* A copy that is pinned otherwise stands for itself. */
static void other_copies_are_drawn_apart(void **state)
{
    (void)state;
    struct sc_plan *plan =
        plan_make("gpt-125m", (const char *const[]){"set layers=6", "devices 4", "mesh 2x2", "pin *=b@xy",
                                                    "pin *.w=(none)", "pin layer.2.mlp.fc1=b@x f@y", NULL});
    struct drawn folded = draw(plan, "dot"), all = draw(plan, "dot:all");
    struct sc_str text = plan_text(plan, "dot");
    assert_true(folded.clusters < all.clusters);
    assert_int_equal(times(sc_str_text(&text), "label=\"layer.2.mlp.fc1\\n"), 1);
    assert_int_equal(times(sc_str_text(&text), "label=\"layer.1.mlp.fc1\\n"), 0); /* layer.0 stands for it */
    sc_str_free(&text);
    sc_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_drawn),
        cmocka_unit_test(alike_copies_are_drawn_once),
        cmocka_unit_test(other_copies_are_drawn_apart),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
