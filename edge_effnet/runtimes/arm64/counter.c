/* Counts the instructions that an emulated program retires between two marks.
 *
 * A plug-in for QEMU's user-mode emulation (TCG plug-in interface, version 1). QEMU translates a program in blocks
 * and calls back when a block starts, with the number of its instructions. The program sets marks with a system call
 * that fails and does nothing else: lseek(MARK, value, command).
 *
 *   command 0  stop at the address `value` from now on (before that code runs for the first time): each time it is
 *              reached inside a window, the counter is noted
 *   command 1  open a window: from now on the instructions of this thread are counted, and of no other
 *   command 2  close it: one line goes to the file of the argument out=FILE
 *
 * The line holds decimal numbers: the instructions of the window, then one pair for every stop in it: which stop
 * (0, 1, ... in the order in which they were set), and the count since the window was opened.
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* What is used of QEMU's plug-in interface, declared here so that no header of it is needed. */
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct target_info {
    const char *name;
    struct { int min, cur; } version;
    bool system_emulation;
};
enum { NO_REGISTERS = 0 };
typedef void block_callback(unsigned cpu, void *data);
typedef void translation_callback(plugin_id id, struct qemu_plugin_tb *block);
typedef void syscall_callback(plugin_id id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                              uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, block_callback *call, int registers,
                                          void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translation_callback *call);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id id, syscall_callback *call);

#define PUBLIC __attribute__((visibility("default")))
PUBLIC int qemu_plugin_version = 1;

enum { LSEEK = 62 };                   /* its number on 64-bit Arm */
enum { SET_STOP, OPEN, CLOSE };        /* commands */
enum { MAX_STOPS = 8, MAX_NOTES = 1 << 16, MAX_DIGITS = 20 };
static const int32_t MARK = -0x7A11;   /* no file descriptor is negative, so the call always fails */

static uint64_t counter;
static uint64_t stops[MAX_STOPS];
static unsigned stop_count, note_count, counted_cpu; /* QEMU gives every thread a processor of its own */
static struct { unsigned stop; uint64_t count; } notes[MAX_NOTES];
static bool is_open;
static int file = -1;

static void count_block(unsigned cpu, void *instructions)
{
    if (is_open && cpu == counted_cpu)
        counter += (uintptr_t)instructions;
}

static void note_stop(unsigned cpu, void *stop)
{
    if (is_open && cpu == counted_cpu && note_count < MAX_NOTES) {
        notes[note_count].stop = (unsigned)(uintptr_t)stop;
        notes[note_count++].count = counter;
    }
}

/* Callbacks run in the order in which they are set, so a note excludes the block that it stands in front of. */
static void translate(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (unsigned i = 0; i < stop_count; i++)
        if (stops[i] == qemu_plugin_tb_vaddr(block))
            qemu_plugin_register_vcpu_tb_exec_cb(block, note_stop, NO_REGISTERS, (void *)(uintptr_t)i);
    qemu_plugin_register_vcpu_tb_exec_cb(block, count_block, NO_REGISTERS,
                                         (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void put_number(uint64_t number, char last)
{
    char text[MAX_DIGITS + 1];
    size_t at = sizeof text;
    text[--at] = last;
    do
        text[--at] = (char)('0' + number % 10);
    while (number /= 10);
    while (at < sizeof text) {
        ssize_t done = write(file, text + at, sizeof text - at);
        if (done <= 0)
            return; /* a line cut short has an odd end, and the reader refuses it */
        at += (size_t)done;
    }
}

static void close_window(void)
{
    put_number(counter, note_count ? ' ' : '\n');
    for (unsigned i = 0; i < note_count; i++) {
        put_number(notes[i].stop, ' ');
        put_number(notes[i].count, i + 1 == note_count ? '\n' : ' ');
    }
    is_open = false;
}

static void see_syscall(plugin_id id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != LSEEK || (int32_t)a1 != MARK)
        return;
    if (a3 == SET_STOP && stop_count < MAX_STOPS)
        stops[stop_count++] = a2;
    else if (a3 == OPEN)
        counter = 0, note_count = 0, counted_cpu = cpu, is_open = true;
    else if (a3 == CLOSE && is_open && cpu == counted_cpu)
        close_window();
}

PUBLIC int qemu_plugin_install(plugin_id id, const struct target_info *info, int argc, char **argv)
{
    if (strcmp(info->name, "aarch64") || argc != 1 || strncmp(argv[0], "out=", 4))
        return 1;
    file = open(argv[0] + 4, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_vcpu_syscall_cb(id, see_syscall);
    return 0;
}
