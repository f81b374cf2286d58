/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * All formats alike: the table, names that are no format, names of ops that other languages have to quote, memory that
 * runs out, cancelling, and the command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "plans.h"
#include "support/faults.h"
#include "support/files.h"

static void formats_are_found(void **state)
{
    (void)state;
    const struct sc_exporter *one;
    size_t count = 0;
    for (; (one = sc_exporter_at(count)); count++) {
        assert_ptr_equal(sc_exporter_find(one->name, NULL), one);
        assert_true(*one->help && one->suffix[0] == '.');
    }
    assert_true(count >= 7);
}

static void refused(const struct sc_plan *plan, const char *format, enum sc_status status, const char *words)
{
    struct sc_error err = {0};
    struct sc_str text = {0};
    assert_int_equal(sc_export(plan, format, NULL, &text, &err), status);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
    assert_int_equal(text.length, 0);
    sc_str_free(&text);
}

static void unknown_formats_are_refused(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_mlp();
    refused(plan, "markdwn", SC_NOT_FOUND, "did you mean 'markdown'");
    refused(plan, "", SC_NOT_FOUND, "there are schedule, trace, dot");
    refused(plan, ":all", SC_NOT_FOUND, "there are schedule");
    refused(plan, "a-name-of-more-bytes-than-any-format-ever-has", SC_NOT_FOUND, "there is no format");
    refused(plan, "csv:all", SC_USAGE, "no variants");
    refused(plan, "dot:some", SC_USAGE, "dot:all");
    refused(plan, "trace:2f2b", SC_USAGE, "no schedule '2f2b'");
    refused(plan, "trace:gpipe:2", SC_USAGE, "no schedule");
    refused(plan, "trace:interleaved:0", SC_USAGE, "1 to 2");
    refused(plan, "trace:interleaved:99999999999999999999", SC_USAGE, "no schedule");
    sc_plan_free(plan);
}

static void no_plan_is_refused(void **state)
{
    (void)state;
    struct sc_loader loader = sc_import_loader();
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_settings settings;
    struct sc_plan *plan;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, "gpt-125m"));
    assert_int_equal(sc_settings_set(&settings, "memory", "0.01", NULL), SC_OK);
    assert_int_equal(sc_settings_set(&settings, "mesh", "8", NULL), SC_OK);
    struct sc_plan_request request = {.settings = &settings};
    assert_int_equal(sc_planner_make(planner, &request, &plan, NULL), SC_OK);
    assert_null(plan->choice);
    for (size_t i = 0; sc_exporter_at(i); i++)
        refused(plan, sc_exporter_at(i)->name, SC_USAGE, "no plan");
    sc_plan_free(plan);
    sc_planner_free(planner);
    sc_settings_free(&settings);
}

/* ---- odd names ---- */

/* Ops named with what CSV, DOT, Python and Markdown give a meaning, and a model whose name has a line end in it. */
static const char odd_model[] =
    "{\"stagecut\": 1, \"name\": \"odd\\n\\\"model\\\" | `x`\", \"precision\": \"fp32\", \"batch\": 64, \"body\": [\n"
    "  {\"input\": \"x,\\\"y\\\"\", \"shape\": [\"batch\", 64], \"dims\": \"b h\"},\n"
    "  {\"op\": \"a|b`c``d\\\\n\", \"kind\": \"matmul\", \"in\": \"x,\\\"y\\\"\", \"rule\": \"b h, h f -> b f\",\n"
    "   \"weights\": {\"w\": [64, 64]}},\n"
    "  {\"op\": \"&lt;\xc3\xa9\\\\\", \"kind\": \"relu\", \"in\": \"a|b`c``d\\\\n\"}\n"
    "], \"outputs\": [\"&lt;\xc3\xa9\\\\\"]}\n";

static void expect(const struct sc_plan *plan, const char *format, const char *wanted)
{
    struct sc_str text = plan_text(plan, format);
    if (!strstr(sc_str_text(&text), wanted))
        fail_msg("%s: there is no '%s' in\n%s", format, wanted, sc_str_text(&text));
    sc_str_free(&text);
}

static void odd_names_are_quoted(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_make(files_write("odd.json", odd_model, sizeof odd_model - 1),
                                     (const char *const[]){"devices 4", "mesh 2x2", NULL});
    assert_string_equal(plan->graph->name, "odd\n\"model\" | `x`");
    expect(plan, "csv", "\n\"x,\"\"y\"\"\",input,");
    expect(plan, "csv", "\na|b`c``d\\n,matmul,");
    expect(plan, "jax", "\nMODEL = \"odd\\x0a\\\"model\\\" | `x`\"\n");
    expect(plan, "jax", "\"x,\\\"y\\\"\": P(");
    expect(plan, "dtensor", "\"a|b`c``d\\\\n\": [");
    expect(plan, "dot", "digraph \"odd \\\"model\\\" | `x`\" {");
    expect(plan, "dot", "label=\"a|b`c``d\\\\n\\nmatmul");
    expect(plan, "dot", "label=\"&amp;lt;\xc3\xa9\\\\\\nrelu");
    expect(plan, "markdown", "# Plan of `` odd \"model\" \\| `x` `` on");
    expect(plan, "markdown", "| ``` a\\|b`c``d\\n ``` | matmul |");
    struct sc_json_doc *doc = plan_json(plan, "schedule"), *trace = plan_json(plan, "trace");
    assert_string_equal(text_of(sc_json_root(doc), "model"), plan->graph->name);
    sc_json_doc_free(doc);
    sc_json_doc_free(trace);
    if (system("python3 -c pass >/dev/null 2>&1") == 0)
        for (int i = 0; i < 2; i++) {
            struct sc_str text = plan_text(plan, i ? "jax" : "dtensor");
            char command[1024];
            snprintf(command, sizeof command,
                     "python3 -c 'import ast, sys; ast.parse(open(sys.argv[1], encoding=\"utf-8\").read())' '%s'",
                     files_write("odd.py", sc_str_text(&text), text.length));
            assert_int_equal(system(command), 0);
            sc_str_free(&text);
        }
    sc_plan_free(plan);
}

/* ---- memory, cancelling ---- */

static const char *const formats[] = {"schedule", "trace", "dot", "dot:all", "csv", "jax", "dtensor", "markdown"};

static void memory_may_run_out(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_make(
        "gpt-125m", (const char *const[]){"set layers=2", "batch 16", "microbatches 2", "devices 8", "stages 2", NULL});
    for (size_t i = 0; i < SC_LEN(formats); i++) {
        struct sc_str whole = plan_text(plan, formats[i]);
        bool failed = true;
        faults_begin();
        for (int n = 0; failed; n++) {
            struct sc_str text = {0};
            struct sc_error err = {0};
            faults_after(n);
            enum sc_status status = sc_export(plan, formats[i], NULL, &text, &err);
            failed = faults_hit();
            faults_after(-1);
            if (status != (failed ? SC_NO_MEMORY : SC_OK))
                fail_msg("%s: status %d when allocation %d fails", formats[i], (int)status, n);
            if (!failed)
                assert_string_equal(sc_str_text(&text), sc_str_text(&whole));
            sc_str_free(&text);
            if (faults_held() != 0)
                fail_msg("%s: %d blocks are left when allocation %d fails", formats[i], faults_held(), n);
        }
        faults_end();
        sc_str_free(&whole);
    }
    sc_plan_free(plan);
}

static void cancelling_ends_the_long_ones(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_mlp();
    for (size_t i = 0; i < SC_LEN(formats) - 1; i++) { /* a report is short */
        struct sc_cancel cancel;
        struct sc_str text = {0};
        struct sc_error err = {0};
        sc_cancel_init(&cancel, 0, 0);
        sc_cancel_request(&cancel);
        assert_int_equal(sc_export(plan, formats[i], &cancel, &text, &err), SC_CANCELLED);
        assert_true(*err.message);
        sc_str_free(&text);
    }
    sc_plan_free(plan);
}

/* ---- the command ---- */

/* Exit status of the program; what it says goes into a file of the folder. */
static int run(const char *arguments)
{
    char command[4096], output[512];
    snprintf(output, sizeof output, "%s", files_path("said"));
    snprintf(command, sizeof command, "'%s' %s >'%s' 2>&1", TEST_PROGRAM, arguments, output);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void said(const char *words)
{
    char *text;
    size_t size;
    assert_int_equal(sc_file_read(files_path("said"), 1 << 20, &text, &size, NULL), SC_OK);
    if (!strstr(text, words))
        fail_msg("'%s' does not say '%s'", text, words);
    sc_free(text);
}

static void the_command(void **state)
{
    (void)state;
    char plan[512], out[512], arguments[1200];
    snprintf(plan, sizeof plan, "%s", files_path("plan.json"));
    snprintf(out, sizeof out, "%s", files_path("out.csv"));
    snprintf(arguments, sizeof arguments, "solve mlp-2 --quiet --out '%s'", plan);
    assert_int_equal(run(arguments), 0);
    snprintf(arguments, sizeof arguments, "export '%s' --to csv --out '%s'", plan, out);
    assert_int_equal(run(arguments), 0);
    char *text;
    size_t size;
    assert_int_equal(sc_file_read(out, 1 << 20, &text, &size, NULL), SC_OK);
    assert_int_equal(strncmp(text, "name,kind,", 10), 0);
    sc_free(text);
    snprintf(arguments, sizeof arguments, "export '%s' --to=markdown", plan);
    assert_int_equal(run(arguments), 0);
    said("strategies as the plan gives them");
    int before = files_count();
    snprintf(arguments, sizeof arguments, "export '%s' --to cvs --out '%s'", plan, out);
    assert_int_equal(run(arguments), 2);
    said("did you mean 'csv'");
    snprintf(arguments, sizeof arguments, "export '%s'", plan);
    assert_int_equal(run(arguments), 2);
    said("--to FORMAT is missing");
    snprintf(arguments, sizeof arguments, "export '%s' --to csv", out);
    assert_int_equal(run(arguments), 2);
    assert_int_equal(run("export --to csv"), 2);
    assert_int_equal(run("solve mlp-2 --to csv"), 2);
    assert_int_equal(run("list formats"), 0);
    said("dtensor");
    assert_int_equal(files_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_found),  cmocka_unit_test(unknown_formats_are_refused),
        cmocka_unit_test(no_plan_is_refused), cmocka_unit_test(odd_names_are_quoted),
        cmocka_unit_test(memory_may_run_out), cmocka_unit_test(cancelling_ends_the_long_ones),
        cmocka_unit_test(the_command),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
