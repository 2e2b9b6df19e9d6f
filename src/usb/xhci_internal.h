/* SPDX-License-Identifier: ISC */
/*
 * Private to src/usb/xhci*.c. Names, tables and sections are those of xHCI 1.1.
 */
#ifndef USB_XHCI_INTERNAL_H
#define USB_XHCI_INTERNAL_H

#include <pthread.h>

#include "usb/xhci.h"

#define XHCI_SLOTS        16
#define XHCI_USB2_PORTS   8
#define XHCI_PORTS        16 /* those of USB 2 first */
#define XHCI_INTERRUPTERS 32
#define XHCI_CONTEXT      32 /* bytes */
#define XHCI_TRB          16
#define XHCI_ENDPOINTS    32 /* in a device context, by device context index; 0 is the slot */
#define XHCI_TD_TRBS      64 /* in a transfer descriptor that this controller takes */
#define XHCI_EVENT_LEAST  16 /* TRBs in an event ring's segment (6.5) */
#define XHCI_EVENT_MOST   4096

/* USBCMD (5.4.1) and USBSTS (5.4.2) */
#define CMD_RS     BIT(0)
#define CMD_HCRST  BIT(1)
#define CMD_INTE   BIT(2)
#define CMD_HSEE   BIT(3)
#define CMD_EWE    BIT(10)
#define STS_HCH    BIT(0)
#define STS_HSE    BIT(2)
#define STS_EINT   BIT(3)
#define STS_PCD    BIT(4)
#define STS_SRE    BIT(10)
#define STS_HCE    BIT(12)
#define IMAN_IP    BIT(0) /* (5.5.2.1) */
#define IMAN_IE    BIT(1)
#define ERDP_EHB   BIT(3) /* (5.5.2.3.3) */
#define IMOD_RESET 4000   /* 1 ms (5.5.2.2) */

#define XHCI_MICROFRAME_NS 125000u
#define XHCI_FRAME_NS      (8 * XHCI_MICROFRAME_NS)
#define XHCI_MFINDEX_BITS  14 /* (5.5.1) */

/* TRB types (table 131) */
enum {
    TRB_NORMAL = 1,
    TRB_SETUP = 2,
    TRB_DATA = 3,
    TRB_STATUS = 4,
    TRB_LINK = 6,
    TRB_EVENT_DATA = 7,
    TRB_NO_OP = 8,
    TRB_ENABLE_SLOT = 9,
    TRB_DISABLE_SLOT = 10,
    TRB_ADDRESS_DEVICE = 11,
    TRB_CONFIGURE_ENDPOINT = 12,
    TRB_EVALUATE_CONTEXT = 13,
    TRB_RESET_ENDPOINT = 14,
    TRB_STOP_ENDPOINT = 15,
    TRB_SET_TR_DEQUEUE = 16,
    TRB_RESET_DEVICE = 17,
    TRB_GET_PORT_BANDWIDTH = 21,
    TRB_NO_OP_COMMAND = 23,
    TRB_TRANSFER_EVENT = 32,
    TRB_COMMAND_COMPLETION = 33,
    TRB_PORT_STATUS_CHANGE = 34,
    TRB_HOST_CONTROLLER = 37,
    TRB_MFINDEX_WRAP = 39,
};

#define TRB_CYCLE         BIT(0)
#define TRB_TOGGLE_CYCLE  BIT(1) /* of a link */
#define TRB_EVENT_IS_DATA BIT(2) /* of a transfer event: ED */
#define TRB_ISP           BIT(2)
#define TRB_CHAIN         BIT(4)
#define TRB_IOC           BIT(5)
#define TRB_IDT           BIT(6)
#define TRB_BEI           BIT(9)
#define TRB_BSR           BIT(9) /* of Address Device; of Configure Endpoint it is Deconfigure */
#define TRB_DIR_IN        BIT(16)

/* Completion codes (table 130) */
enum {
    CC_SUCCESS = 1,
    CC_BABBLE = 3,
    CC_TRANSACTION = 4,
    CC_TRB = 5,
    CC_STALL = 6,
    CC_NO_SLOTS = 9,
    CC_SLOT_NOT_ENABLED = 11,
    CC_SHORT_PACKET = 13,
    CC_PARAMETER = 17,
    CC_CONTEXT_STATE = 19,
    CC_EVENT_RING_FULL = 21,
    CC_COMMAND_RING_STOPPED = 24,
    CC_STOPPED = 26,
};

/* PORTSC (5.4.8) */
#define PORT_CCS       BIT(0)
#define PORT_PED       BIT(1)
#define PORT_PR        BIT(4)
#define PORT_PLS_SHIFT 5
#define PORT_PLS       (UINT64_C(15) << PORT_PLS_SHIFT)
#define PORT_PP        BIT(9)
#define PORT_FULL      (UINT64_C(1) << 10) /* the speed (7.2.2.1.1) */
#define PORT_SPEED     (UINT64_C(15) << 10)
#define PORT_PIC       (UINT64_C(3) << 14)
#define PORT_LWS       BIT(16)
#define PORT_CSC       BIT(17)
#define PORT_PEC       BIT(18)
#define PORT_PRC       BIT(21)
#define PORT_PLC       BIT(22)
#define PORT_CHANGES   (UINT64_C(0x7f) << 17)
#define PORT_WAKE      (UINT64_C(7) << 25)

enum { LINK_U0 = 0, LINK_U2 = 2, LINK_U3 = 3, LINK_DISABLED = 4, LINK_RX_DETECT = 5 };
enum { LINK_POLLING = 7, LINK_RESUME = 15 };

/* Slot states; the first is not in a context (4.5.3, 6.2.2) */
enum { SLOT_DISABLED, SLOT_ENABLED, SLOT_DEFAULT, SLOT_ADDRESSED, SLOT_CONFIGURED };

/* Endpoint states and types (6.2.3) */
enum { EP_DISABLED, EP_RUNNING, EP_HALTED, EP_STOPPED, EP_ERROR };
enum { EP_TYPE_CONTROL = 4, EP_TYPE_INTERRUPT_IN = 7 };

/* What a control endpoint has of a transfer: nothing, its setup stage, its data stage. */
enum { PHASE_IDLE, PHASE_SETUP, PHASE_DATA };

struct xhci_trb {
    uint64_t parameter;
    uint32_t status, control;
};

/* Where a ring is read next, and the cycle bit of what may be read. */
struct xhci_ring {
    uint64_t dequeue;
    bool cycle;
};

struct xhci_td {
    unsigned count;
    struct xhci_trb trbs[XHCI_TD_TRBS]; /* without links */
    uint64_t at[XHCI_TD_TRBS];          /* their addresses */
    struct xhci_ring after;
};

struct xhci_endpoint {
    uint8_t state, type, phase;
    uint8_t setup[8];
    struct xhci_ring ring;
};

struct xhci_slot {
    uint8_t state;
    uint8_t port;       /* from 1; 0 before it has been addressed */
    uint64_t context;   /* the output device context */
    uint32_t doorbells; /* endpoints that have work, by index */
    struct xhci_endpoint endpoints[XHCI_ENDPOINTS];
};

struct xhci_interrupter {
    uint32_t iman, imod, erstsz;
    uint64_t erstba, erdp;
    bool pending;           /* Interrupt Pending Enable (4.17.2) */
    uint64_t not_before_ns; /* moderation; 0: now */
    /* The segment, once read from the table. */
    bool loaded, cycle;
    uint64_t base;
    uint32_t size, enqueue; /* in TRBs */
};

struct xhci_port {
    uint32_t portsc;
    struct usb_device *device;
};

struct xhci {
    struct pci_function function;
    struct xhci_host host;
    struct host_work *work;
    struct host_timer *timer;
    pthread_mutex_t lock; /* for everything below */
    bool paused;
    uint32_t usbcmd, usbsts, dnctrl, config;
    uint64_t dcbaap;
    struct xhci_ring command;
    bool command_running;      /* CRR */
    bool command_doorbell;     /* there may be commands */
    bool command_stopping;     /* CS or CA was written; the loop has yet to say so */
    bool starved;              /* an event ring had no room */
    uint32_t port_events;      /* ports that have changed, by number */
    uint64_t mfindex_start_ns; /* when MFINDEX was 0 */
    uint64_t mfindex_stopped;  /* what it is while the controller is halted, in microframes */
    uint64_t wraps;            /* of MFINDEX that there have been events of */
    uint64_t timer_ns;         /* when the timer is due */
    unsigned budget;           /* TRBs that the loop may still work on in this frame */
    bool unfinished;           /* and in the next one */
    unsigned turn;             /* the endpoint that is the first in its turn */
    struct xhci_port ports[XHCI_PORTS];
    struct xhci_slot slots[XHCI_SLOTS + 1]; /* from 1 */
    struct xhci_interrupter interrupters[XHCI_INTERRUPTERS];
    struct xhci_td td; /* the loop's */
};

/* All of these with the lock held. */

/* xhci.c: guest memory. False: it is not RAM, and a host system error has stopped the controller
 * (4.10.2.6). */
bool xhci_read(struct xhci *x, uint64_t address, void *to, size_t length);
bool xhci_write(struct xhci *x, uint64_t address, const void *from, size_t length);
/* Stops the controller with HSE or HCE in USBSTS (5.4.2); `what` goes to the log. */
void xhci_fail(struct xhci *x, uint32_t status, const char *what, uint64_t where);
void xhci_stop(struct xhci *x);
/* The effect of HCRST, and of power-on. */
void xhci_reset_registers(struct xhci *x);
/* Has the loop go through everything. */
void xhci_wake(struct xhci *x);
/* The loop is wanted at `ns` at the latest. */
void xhci_wake_at(struct xhci *x, uint64_t ns);

extern const struct bus_ops xhci_bar_ops;
/* MFINDEX with all its wraps: microframes that the controller has run for. */
uint64_t xhci_microframes(const struct xhci *x);

/* xhci_port.c */
void xhci_ports_reset(struct xhci *x);
uint32_t xhci_port_read(const struct xhci *x, unsigned port, unsigned reg);
void xhci_port_write(struct xhci *x, unsigned port, unsigned reg, uint32_t value);
void xhci_ports_started(struct xhci *x); /* R/S was set */
void xhci_ports_run(struct xhci *x);     /* remote wakeup, and events of changes */
/* The device behind a root hub port, or NULL; *suspended: it is there, but may not be spoken to. */
struct usb_device *xhci_port_device(struct xhci *x, unsigned port, bool *suspended);

/* xhci_event.c */
/* Whether `count` events fit into an interrupter's ring now; if not, the loop goes on when the
 * driver has made room. */
bool xhci_events_fit(struct xhci *x, unsigned interrupter, unsigned count);
void xhci_event_post(struct xhci *x, unsigned interrupter, const struct xhci_trb *event,
                     bool silent);
void xhci_interrupter_ring_changed(struct xhci_interrupter *in);
/* The driver has handled events up to `erdp`; and all that it means to for now: EHB goes. */
void xhci_interrupter_consumed(struct xhci *x, unsigned interrupter, uint64_t erdp, bool finished);
/* Raises what is pending and may be raised now. */
void xhci_interrupts_run(struct xhci *x);
/* Signals and wires follow the registers. */
void xhci_interrupts_update(struct xhci *x);

/* xhci_ring.c */
enum xhci_fetch { FETCH_NONE, FETCH_TRB, FETCH_BAD };
enum xhci_fetch xhci_ring_next(struct xhci *x, struct xhci_ring *ring, struct xhci_trb *trb,
                               uint64_t *address);
/* Reads a whole transfer descriptor without moving the ring. */
enum xhci_fetch xhci_ring_td(struct xhci *x, const struct xhci_ring *ring, struct xhci_td *td);

/* xhci_command.c */
void xhci_commands_run(struct xhci *x);

/* xhci_context.c: commands that work on contexts (4.6); completion codes. */
uint8_t xhci_slot_enable(struct xhci *x, unsigned *id);
uint8_t xhci_slot_disable(struct xhci *x, struct xhci_slot *slot);
uint8_t xhci_slot_address(struct xhci *x, unsigned id, uint64_t input, bool block);
uint8_t xhci_slot_configure(struct xhci *x, struct xhci_slot *slot, uint64_t input,
                            bool deconfigure);
uint8_t xhci_slot_evaluate(struct xhci *x, struct xhci_slot *slot, uint64_t input);
uint8_t xhci_slot_reset(struct xhci *x, struct xhci_slot *slot);
/* Changes an endpoint's state, in the guest's context too. */
void xhci_endpoint_state(struct xhci *x, struct xhci_slot *slot, unsigned dci, uint8_t state);

/* xhci_transfer.c */
void xhci_doorbell(struct xhci *x, unsigned slot, unsigned dci);
void xhci_transfers_run(struct xhci *x);
/* The event of a transfer that Stop Endpoint interrupts, if there is one. */
void xhci_transfer_stopped(struct xhci *x, struct xhci_slot *slot, unsigned dci);

/* xhci_state.c */
int xhci_save(struct xhci *x, struct state *state, const char *instance);
int xhci_load(struct xhci *x, const struct state *state, const char *instance, struct error *err);

static inline unsigned trb_type(const struct xhci_trb *trb)
{
    return trb->control >> 10 & 0x3f;
}

static inline unsigned slot_id(const struct xhci *x, const struct xhci_slot *slot)
{
    return (unsigned)(slot - x->slots);
}

#endif
