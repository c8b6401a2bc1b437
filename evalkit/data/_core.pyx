# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled versions of the loops over annotations.

Each function does what a function in Python does, which is named in its docstring, is the
reference, and runs where this module is not built. None raises errors of its own about the input:
a function that meets anything unusual returns None (or False), and the caller runs the Python
version, whose errors are the same with and without this module.

Results are lists of counts, and bytes that hold C integers: no numpy is needed to build it.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memchr, memcpy, memset

from types import MemberDescriptorType

cdef extern from "Python.h":
    ctypedef struct PyMemberDef:
        int type
        Py_ssize_t offset

    ctypedef struct PyMemberDescrObject:
        PyMemberDef *d_member

    bint PyUnicode_CheckExact(object)
    bint PyLong_CheckExact(object)
    long long PyLong_AsLongLongAndOverflow(object, int *) except? -1
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    Py_UCS4 PyUnicode_READ_CHAR(object, Py_ssize_t)
    Py_ssize_t PyUnicode_Tailmatch(object, object, Py_ssize_t, Py_ssize_t, int) except -1

cdef extern from "structmember.h":
    int T_OBJECT_EX

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define PREFETCH(address) __builtin_prefetch(address)
    #else
    #define PREFETCH(address)
    #endif
    """
    void PREFETCH(const void *) nogil

# Objects that are visited soon are fetched into the cache this many visits before.
cdef enum:
    VISITS_AHEAD = 4

# The interface of this module: a module that was built from another version is not used.
INTERFACE = 3


# ------------------------------------------------------------------ fields of struct objects


cdef Py_ssize_t _field_offset(object kind, str name):
    """Where the objects of a type keep a field; 0 if the type has no such slot."""
    cdef PyMemberDef *member
    descriptor = getattr(kind, name, None)
    if type(descriptor) is not MemberDescriptorType or descriptor.__objclass__ not in kind.__mro__:
        return 0
    member = (<PyMemberDescrObject *>descriptor).d_member
    return member.offset if member.type == T_OBJECT_EX else 0


cdef inline object _field(object item, Py_ssize_t offset):
    """The value of a field, without a lookup of its name."""
    cdef PyObject *value = (<PyObject **>(<char *><void *>item + offset))[0]
    if value == NULL:
        raise AttributeError("a field is not set")
    return <object>value


cdef inline const int64_t *_words(bytes values):
    """The 64-bit integers in bytes."""
    return <const int64_t *>PyBytes_AS_STRING(values)


cdef inline bint _as_int64(object value, int64_t *result):
    """Whether a value is an int of at most 64 bits."""
    cdef int overflow = 0
    if not PyLong_CheckExact(value):
        return False
    result[0] = PyLong_AsLongLongAndOverflow(value, &overflow)
    return overflow == 0


# ------------------------------------------------------------------ reading documents


def read_entities(documents, dict label_ids, object add_label, bint check):
    """The entities of a list of documents as (counts, start, end, label, discontinuous,
    without_surface, unannotated).

    check: also whether each entity is within the text and matches its surface form (in the
    attribute `text`); entities have no fragments then. False if one does not, None if a value is
    unusual. unannotated: the number of documents whose entities are None.
    Reference: `batch._read_entity_arrays`, `jsonl_stream.check_entities`.
    """
    cdef Py_ssize_t total = 0, row = 0, length = 0, n, k, without_surface = 0, unannotated = 0
    cdef Py_ssize_t at_label = 0, at_start = 0, at_end = 0, at_text = 0, at_fragments = 0
    cdef int64_t *starts
    cdef int64_t *ends
    cdef int64_t *labels
    cdef PyObject *code
    cdef object kind = None, text = None
    cdef tuple items
    counts = []
    every = []
    for document in documents:
        entities = document.entities
        if entities is None:
            n = 0
            unannotated += 1
        elif type(entities) is tuple:
            n = PyTuple_GET_SIZE(entities)
        else:
            return None
        counts.append(n)
        every.append(entities)
        total += n
    start_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    end_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    label_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    starts = <int64_t *>PyBytes_AS_STRING(start_bytes)
    ends = <int64_t *>PyBytes_AS_STRING(end_bytes)
    labels = <int64_t *>PyBytes_AS_STRING(label_bytes)
    discontinuous = []
    for k in range(PyList_GET_SIZE(documents)):
        entities = every[k]
        if entities is None:
            continue
        items = entities
        if check:
            text = (<object>PyList_GET_ITEM(documents, k)).text
            if not PyUnicode_CheckExact(text):
                return None
            length = PyUnicode_GET_LENGTH(text)
        for n in range(PyTuple_GET_SIZE(items)):
            if n + VISITS_AHEAD < PyTuple_GET_SIZE(items):
                PREFETCH(PyTuple_GET_ITEM(items, n + VISITS_AHEAD))
            entity = <object>PyTuple_GET_ITEM(items, n)
            if type(entity) is not kind:
                kind = type(entity)
                at_label, at_start = _field_offset(kind, "label"), _field_offset(kind, "start")
                at_end = _field_offset(kind, "end")
                at_text = _field_offset(kind, "text")
                at_fragments = _field_offset(kind, "fragments")
                if not (at_label and at_start and at_end) or (check and not at_text):
                    return None
                if not at_fragments and getattr(kind, "fragments", None) != ():
                    return None
            label = _field(entity, at_label)
            if not PyUnicode_CheckExact(label):
                return None
            code = PyDict_GetItemWithError(label_ids, label)
            if code == NULL:
                labels[row] = add_label(label)
            else:
                labels[row] = <object>code
            if not _as_int64(_field(entity, at_start), starts + row):
                return None
            if not _as_int64(_field(entity, at_end), ends + row):
                return None
            if check:
                if not 0 <= starts[row] < ends[row] <= length:
                    return False
                surface = _field(entity, at_text)
                if surface is None:
                    without_surface += 1
                elif not PyUnicode_CheckExact(surface):
                    return None
                elif PyUnicode_GET_LENGTH(surface) != ends[row] - starts[row]:
                    return False
                elif PyUnicode_Tailmatch(text, surface, starts[row], ends[row], -1) != 1:
                    return False
            if at_fragments and _field(entity, at_fragments):
                discontinuous.append((row, entity))
            row += 1
    return (
        counts, start_bytes, end_bytes, label_bytes, discontinuous, without_surface, unannotated
    )


def are_all_none(documents, str name):
    """Whether a field of all documents of a list is None."""
    cdef Py_ssize_t at = 0, k
    cdef object kind = None
    for k in range(PyList_GET_SIZE(documents)):
        document = <object>PyList_GET_ITEM(documents, k)
        if type(document) is not kind:
            kind = type(document)
            at = _field_offset(kind, name)
        value = _field(document, at) if at else getattr(document, name)
        if value is not None:
            return False
    return True


def have_equal_texts(gold, predicted):
    """Whether the documents of two lists have equal texts, one by one.

    Reference: `document_join._have_equal_texts`.
    """
    cdef Py_ssize_t gold_at = 0, predicted_at = 0, k
    cdef object gold_kind = None, predicted_kind = None
    if PyList_GET_SIZE(gold) != PyList_GET_SIZE(predicted):
        return False
    for k in range(PyList_GET_SIZE(gold)):
        one = <object>PyList_GET_ITEM(gold, k)
        other = <object>PyList_GET_ITEM(predicted, k)
        if other is None:
            return False
        if type(one) is not gold_kind:
            gold_kind = type(one)
            gold_at = _field_offset(gold_kind, "text")
        if type(other) is not predicted_kind:
            predicted_kind = type(other)
            predicted_at = _field_offset(predicted_kind, "text")
        if (_field(one, gold_at) if gold_at else one.text) != (
            _field(other, predicted_at) if predicted_at else other.text
        ):
            return False
    return True


def has_document_on_each_line(bytes data, Py_ssize_t documents):
    """Reference: `json_keys.is_document_per_line`."""
    cdef const char *at = PyBytes_AS_STRING(data)
    cdef const char *end = at + PyBytes_GET_SIZE(data)
    cdef const char *stop
    cdef const char *last
    cdef Py_ssize_t lines = 0
    if end > at and (end - 1)[0] == b"\n":
        end -= 1
    while True:
        stop = <const char *>memchr(at, b"\n", end - at)
        if stop == NULL:
            stop = end
        last = stop - 1
        if last > at and last[0] == b"\r":
            last -= 1
        if stop == at or at[0] != b"{" or last[0] != b"}":
            return False
        lines += 1
        if stop == end:
            return lines == documents
        at = stop + 1


def count_quotes(bytes data):
    """Reference: `json_keys.count_quotes`."""
    cdef const unsigned char *text = <const unsigned char *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(data), start = 0, stop, k, total = 0
    cdef unsigned char in_block
    while start < n:
        # Of at most 255 characters, so that the compiler can count in bytes.
        stop = min(start + 255, n)
        in_block = 0
        for k in range(start, stop):
            in_block += text[k] == c'"'
        total += in_block
        start = stop
    return total


def find_span_edges(documents, list counts, bytes start_words, bytes end_words, bytes is_edge):
    """The rows of the entities whose first or last character is marked in a table of the first
    65,536 characters (the last entry stands for all others); None for a span outside its text.

    Reference: `span_edges.SpanEdges.take`.
    """
    cdef const char *table = PyBytes_AS_STRING(is_edge)
    cdef const int64_t *start = _words(start_words)
    cdef const int64_t *end = _words(end_words)
    cdef Py_ssize_t row, next_row = 0, k, n, length
    cdef Py_UCS4 first, last
    found = []
    for k in range(PyList_GET_SIZE(documents)):
        n = counts[k]
        if n == 0:
            continue
        text = (<object>PyList_GET_ITEM(documents, k)).text
        if not PyUnicode_CheckExact(text):
            return None
        length = PyUnicode_GET_LENGTH(text)
        for row in range(next_row, next_row + n):
            if not 0 <= start[row] < end[row] <= length:
                return None
            first = PyUnicode_READ_CHAR(text, start[row])
            last = PyUnicode_READ_CHAR(text, end[row] - 1)
            if table[min(first, 0xFFFF)] or table[min(last, 0xFFFF)]:
                found.append(row)
        next_row += n
    return found


cdef bint _is_encodable(str text):
    """Whether a text has no lone surrogate, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_spans(documents, label_codes, object add_label, int64_t max_offset):
    """Lists of (start, end, label) as (counts, start, end, label); None if one is anything else.

    Reference: `span_arrays.build_span_arrays`.
    """
    cdef Py_ssize_t total = 0, row = 0, n
    cdef int64_t *starts
    cdef int64_t *ends
    cdef int64_t *labels
    cdef PyObject *code
    counts = []
    for spans in documents:
        if type(spans) is not list and type(spans) is not tuple:
            return None
        counts.append(len(spans))
        total += len(spans)
    start_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    end_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    label_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    starts = <int64_t *>PyBytes_AS_STRING(start_bytes)
    ends = <int64_t *>PyBytes_AS_STRING(end_bytes)
    labels = <int64_t *>PyBytes_AS_STRING(label_bytes)
    for spans in documents:
        for span in spans:
            if row >= total or type(span) is not tuple or PyTuple_GET_SIZE(span) != 3:
                return None
            if not _as_int64(<object>PyTuple_GET_ITEM(span, 0), starts + row):
                return None
            if not _as_int64(<object>PyTuple_GET_ITEM(span, 1), ends + row):
                return None
            if not 0 <= starts[row] < ends[row] < max_offset:
                return None
            label = <object>PyTuple_GET_ITEM(span, 2)
            if not PyUnicode_CheckExact(label):
                return None
            code = PyDict_GetItemWithError(label_codes, label)
            if code == NULL:
                if not _is_encodable(label):
                    return None
                labels[row] = add_label(label)
            else:
                labels[row] = <object>code
            row += 1
    if row != total:
        return None
    return counts, start_bytes, end_bytes, label_bytes


def read_tags(sequences, codes, object add_tag):
    """Lists of tags as (lengths, where, code, n): the position among all tags and the code of each
    of the n tags whose code is not negative; None if a sequence is no list or tuple.

    Reference: `tags.TagReader.read`.
    """
    cdef Py_ssize_t total = 0, n = 0, row = 0, k, size
    cdef int64_t *where
    cdef int64_t *found
    cdef int64_t number = 0
    cdef PyObject *code
    cdef PyObject *tag
    cdef PyObject *last_tag = NULL
    cdef PyObject *outside = NULL
    cdef bint is_list
    lengths = []
    for sequence in sequences:
        if type(sequence) is not list and type(sequence) is not tuple:
            return None
        lengths.append(len(sequence))
        total += len(sequence)
    where_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    code_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    where = <int64_t *>PyBytes_AS_STRING(where_bytes)
    found = <int64_t *>PyBytes_AS_STRING(code_bytes)
    for sequence in sequences:
        is_list = type(sequence) is list
        size = PyList_GET_SIZE(sequence) if is_list else PyTuple_GET_SIZE(sequence)
        if n + size > total:
            return None
        for k in range(size):
            if is_list:
                tag = <PyObject *>PyList_GET_ITEM(sequence, k)
            else:
                tag = <PyObject *>PyTuple_GET_ITEM(sequence, k)
            # Tags are mostly the same few objects, and mostly O.
            if tag == outside:
                n += 1
                continue
            if tag != last_tag:
                if not PyUnicode_CheckExact(<object>tag):
                    return None
                code = PyDict_GetItemWithError(codes, <object>tag)
                if code == NULL:
                    number = add_tag(<object>tag)
                else:
                    number = <object>code
                last_tag = tag
            if number < 0:
                outside = tag
                last_tag = NULL
            else:
                where[row] = n
                found[row] = number
                row += 1
            n += 1
    return (lengths, where_bytes, code_bytes, row) if n == total else None


# ------------------------------------------------------------------ digests


cdef inline uint64_t _mix(uint64_t value) noexcept:
    """The finalizer of SplitMix64; see `columns.splitmix64`."""
    value = (value ^ (value >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    value = (value ^ (value >> 27)) * <uint64_t>0x94D049BB133111EB
    return value ^ (value >> 31)


def sum_entity_digests(
    list counts, bytes start_words, bytes end_words, bytes label_words, const uint64_t[::1] label_hashes
):
    """The sum of the digests of the contiguous entities of each document, as 64-bit words.

    Reference: `digest.EntityDigests.sums`.
    """
    cdef const int64_t *start = _words(start_words)
    cdef const int64_t *end = _words(end_words)
    cdef const int64_t *label = _words(label_words)
    cdef uint64_t step = <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t value, total
    cdef Py_ssize_t row, next_row = 0, k, n
    result = PyBytes_FromStringAndSize(NULL, len(counts) * sizeof(uint64_t))
    cdef uint64_t *sums = <uint64_t *>PyBytes_AS_STRING(result)
    for k in range(PyList_GET_SIZE(counts)):
        n = counts[k]
        total = 0
        for row in range(next_row, next_row + n):
            value = _mix(label_hashes[label[row]] + step)
            value = _mix(value + <uint64_t>start[row] + step * 2)
            value = _mix(value + <uint64_t>end[row] + step * 3)
            total += _mix(value + step * 4)
        next_row += n
        sums[k] = total
    return result


# ------------------------------------------------------------------ counting


ctypedef struct Item:
    int64_t start
    int64_t end
    int32_t label  # the code that is compared
    int32_t rank  # the position of its name in the sorted names
    int32_t read_label  # the number of the label that was read
    int32_t side  # 0: gold, 1: predicted
    int32_t position  # among the items of its side in a sweep
    int32_t origin  # among all items of its side
    int32_t is_taken


# A row of the table: unit, label, then counts. Matched items: with credit 1 (strict, exact, type),
# with credit 1/2 (half); found: of gold, tp: predicted. Under strict and type both labels are
# equal, so that one count stands for both. wrong: items that overlap one to one after the pairs of
# type, without credit. Those after the pairs of strict and exact follow from the other counts.
cdef enum:
    UNIT, LABEL, GOLD, PREDICTED, STRICT, EXACT_FOUND, EXACT_TP, HALF_FOUND, HALF_TP
    TYPE, WRONG_GOLD, WRONG_PREDICTED, WIDTH


cdef inline int _compare_by_start(const void *one, const void *other) noexcept nogil:
    cdef const Item *a = <const Item *>one
    cdef const Item *b = <const Item *>other
    if a.start != b.start:
        return -1 if a.start < b.start else 1
    if a.end != b.end:
        return -1 if a.end < b.end else 1
    if a.rank != b.rank:
        return -1 if a.rank < b.rank else 1
    return (a.read_label > b.read_label) - (a.read_label < b.read_label)


cdef inline int _compare_by_end(const void *one, const void *other) noexcept nogil:
    cdef const Item *a = <const Item *>one
    cdef const Item *b = <const Item *>other
    if a.end != b.end:
        return -1 if a.end < b.end else 1
    if a.start != b.start:
        return -1 if a.start < b.start else 1
    if a.rank != b.rank:
        return -1 if a.rank < b.rank else 1
    if a.side != b.side:
        return -1 if a.side < b.side else 1
    return (a.position > b.position) - (a.position < b.position)


# Moves per item after which a side that is not nearly in order is sorted by qsort.
cdef enum:
    MAX_MOVES = 4

ctypedef int (*Comparison)(const void *, const void *) noexcept nogil


cdef void _sort(Item *items, Py_ssize_t n, Comparison compare) noexcept nogil:
    """Sort items: by insertion while few have to move, else by qsort."""
    cdef Py_ssize_t i, k, moves = 0
    cdef Item item
    for i in range(1, n):
        if compare(&items[i - 1], &items[i]) <= 0:
            continue
        item = items[i]
        k = i
        while k > 0 and compare(&items[k - 1], &item) > 0:
            items[k] = items[k - 1]
            k -= 1
            moves += 1
        items[k] = item
        if moves > MAX_MOVES * n:
            qsort(items, n, sizeof(Item), compare)
            return


cdef void _push(int32_t *heap, Py_ssize_t *size, int32_t value) noexcept nogil:
    cdef Py_ssize_t k = size[0], parent
    size[0] += 1
    while k > 0:
        parent = (k - 1) >> 1
        if heap[parent] <= value:
            break
        heap[k] = heap[parent]
        k = parent
    heap[k] = value


cdef int32_t _pop(int32_t *heap, Py_ssize_t *size) noexcept nogil:
    cdef int32_t top = heap[0], value
    cdef Py_ssize_t k = 0, child
    size[0] -= 1
    value = heap[size[0]]
    while True:
        child = 2 * k + 1
        if child >= size[0]:
            break
        if child + 1 < size[0] and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[k] = heap[child]
        k = child
    heap[k] = value
    return top


@cython.final  # so that its methods are called directly
cdef class _Workspace:
    """Memory for the items of a document, kept from one document to the next."""

    cdef Item *gold
    cdef Item *predicted
    cdef Item *both  # in the order of the sweep
    cdef int32_t *order[2]  # of the items of a side by start: their positions in `both`
    cdef int32_t *heap[2]
    cdef int32_t *slot  # of each label: its row in `rows`, or -1
    cdef int32_t *rows
    cdef int32_t *group  # items of a side sorted by label
    cdef Py_ssize_t capacity, n_labels, n_rows

    def __cinit__(self, Py_ssize_t n_labels):
        self.n_labels = n_labels
        self.slot = <int32_t *>malloc(max(n_labels, 1) * sizeof(int32_t))
        if self.slot == NULL:
            raise MemoryError
        memset(self.slot, 0xFF, n_labels * sizeof(int32_t))

    cdef int reserve(self, Py_ssize_t n) except -1:
        """Make room for n items of both sides together."""
        if n <= self.capacity:
            return 0
        n = max(n, 2 * self.capacity, 64)
        self._free()
        self.gold = <Item *>malloc(n * sizeof(Item))
        self.predicted = <Item *>malloc(n * sizeof(Item))
        self.both = <Item *>malloc(n * sizeof(Item))
        self.rows = <int32_t *>malloc(n * WIDTH * sizeof(int32_t))
        self.group = <int32_t *>malloc(n * sizeof(int32_t))
        for side in range(2):
            self.order[side] = <int32_t *>malloc(n * sizeof(int32_t))
            self.heap[side] = <int32_t *>malloc(n * sizeof(int32_t))
        self.capacity = n
        if (
            self.gold == NULL or self.predicted == NULL or self.both == NULL or self.rows == NULL
            or self.group == NULL
            or self.order[0] == NULL or self.order[1] == NULL
            or self.heap[0] == NULL or self.heap[1] == NULL
        ):
            raise MemoryError
        return 0

    cdef void _free(self) noexcept:
        free(self.gold)
        free(self.predicted)
        free(self.both)
        free(self.rows)
        free(self.group)
        self.gold = self.predicted = self.both = NULL
        self.rows = self.group = NULL
        for side in range(2):
            free(self.order[side])
            free(self.heap[side])
            self.order[side] = self.heap[side] = NULL
        self.capacity = 0

    def __dealloc__(self):
        self._free()
        free(self.slot)

    cdef inline int32_t *row_of(self, int32_t label) noexcept nogil:
        """The counts of a label in the current document."""
        cdef int32_t *row
        if self.slot[label] < 0:
            self.slot[label] = <int32_t>self.n_rows
            row = self.rows + self.n_rows * WIDTH
            memset(row, 0, WIDTH * sizeof(int32_t))
            row[LABEL] = label
            self.n_rows += 1
        return self.rows + self.slot[label] * WIDTH

    cdef void count_equal_spans(
        self, Py_ssize_t n_gold, Py_ssize_t n_predicted, bint with_strict
    ) noexcept nogil:
        """Pair equal spans, first those with one label, then the rest in the order of the names of
        labels; marks the items of pairs as taken. Both sides are sorted by start.

        with_strict: False to pair only the rest, of what the pairs of type have left.
        """
        cdef Item *gold = self.gold
        cdef Item *predicted = self.predicted
        cdef Py_ssize_t i = 0, j = 0, i_end, j_end, a, b
        while i < n_gold and j < n_predicted:
            if gold[i].start != predicted[j].start:
                if gold[i].start < predicted[j].start:
                    i += 1
                else:
                    j += 1
                continue
            if gold[i].end != predicted[j].end:
                if gold[i].end < predicted[j].end:
                    i += 1
                else:
                    j += 1
                continue
            i_end, j_end = i + 1, j + 1
            while i_end < n_gold and gold[i_end].start == gold[i].start and gold[i_end].end == gold[i].end:
                i_end += 1
            while j_end < n_predicted and predicted[j_end].start == predicted[j].start and predicted[j_end].end == predicted[j].end:
                j_end += 1
            if not with_strict:
                self.pair_rest_of_span(i, i_end, j, j_end, WRONG_GOLD, WRONG_PREDICTED)
                i, j = i_end, j_end
                continue
            a, b = i, j
            while a < i_end and b < j_end:
                if gold[a].rank < predicted[b].rank:
                    a += 1
                elif gold[a].rank > predicted[b].rank:
                    b += 1
                else:
                    self.row_of(gold[a].label)[STRICT] += 1
                    self.take_pair(&gold[a], &predicted[b], EXACT_FOUND, EXACT_TP)
                    a += 1
                    b += 1
            self.pair_rest_of_span(i, i_end, j, j_end, EXACT_FOUND, EXACT_TP)
            i, j = i_end, j_end

    cdef void pair_rest_of_span(
        self, Py_ssize_t i, Py_ssize_t i_end, Py_ssize_t j, Py_ssize_t j_end, int found, int tp
    ) noexcept nogil:
        """Pair the items with one span that are not taken, in the order of the names of labels."""
        while True:
            while i < i_end and self.gold[i].is_taken:
                i += 1
            while j < j_end and self.predicted[j].is_taken:
                j += 1
            if i == i_end or j == j_end:
                return
            self.take_pair(&self.gold[i], &self.predicted[j], found, tp)

    cdef void take_pair(self, Item *gold, Item *predicted, int found, int tp) noexcept nogil:
        gold.is_taken = predicted.is_taken = True
        self.row_of(gold.label)[found] += 1
        self.row_of(predicted.label)[tp] += 1

    cdef void count_overlaps(
        self, Py_ssize_t n_gold, Py_ssize_t n_predicted, int found, int tp
    ) noexcept nogil:
        """Count the largest matching by overlap of the items that are not taken."""
        cdef Py_ssize_t n = 0, i
        for i in range(n_gold):
            if not self.gold[i].is_taken:
                self.both[n] = self.gold[i]
                n += 1
        if n == 0:
            return
        cdef Py_ssize_t rest_of_gold = n
        for i in range(n_predicted):
            if not self.predicted[i].is_taken:
                self.both[n] = self.predicted[i]
                n += 1
        if n > rest_of_gold:
            self.sweep(rest_of_gold, n, found, tp)

    cdef void count_type(self, Py_ssize_t n_gold, Py_ssize_t n_predicted) noexcept nogil:
        """Count the largest matching by overlap under each label; marks the items of pairs as
        taken, and all others as free.
        """
        cdef Py_ssize_t label, n, n_of_gold, i
        cdef int32_t *row
        cdef int32_t first
        for i in range(n_gold):
            self.gold[i].is_taken = False
        for i in range(n_predicted):
            self.predicted[i].is_taken = False
        # Lists of the items of each label, linked through `group`: gold items, then predicted ones.
        for label in range(self.n_rows):
            self.heap[0][label] = self.heap[1][label] = -1
        for i in range(n_gold - 1, -1, -1):
            label = self.slot[self.gold[i].label]
            self.group[i] = self.heap[0][label]
            self.heap[0][label] = <int32_t>i
        for i in range(n_predicted - 1, -1, -1):
            label = self.slot[self.predicted[i].label]
            self.group[n_gold + i] = self.heap[1][label]
            self.heap[1][label] = <int32_t>i
        # The sweep uses the heaps, so that the first items are kept in the rows.
        for label in range(self.n_rows):
            row = self.rows + label * WIDTH
            row[UNIT] = self.heap[0][label]
            row[TYPE] = self.heap[1][label]
        for label in range(self.n_rows):
            row = self.rows + label * WIDTH
            i, first = row[UNIT], row[TYPE]
            row[TYPE] = 0
            if i < 0 or first < 0:
                continue
            n = 0
            while i >= 0:
                self.both[n] = self.gold[i]
                n += 1
                i = self.group[i]
            n_of_gold = n
            i = first
            while i >= 0:
                self.both[n] = self.predicted[i]
                n += 1
                i = self.group[n_gold + i]
            row[TYPE] = <int32_t>self.sweep(n_of_gold, n, 0, 0)

    cdef Py_ssize_t sweep(self, Py_ssize_t n_gold, Py_ssize_t n, int found, int tp) noexcept nogil:
        """The number of pairs in the largest matching by overlap of the first n items of `both`.

        The items of each side are sorted by start. found, tp: the counts to add pairs to; 0 to mark
        the items of pairs as taken instead. Reference: `matching._sweep`.
        """
        cdef Item *both = self.both
        cdef Py_ssize_t i, pairs = 0, side, other_side
        cdef Py_ssize_t arrived[2]
        cdef Py_ssize_t size[2]
        cdef Py_ssize_t count[2]
        cdef int32_t other
        cdef int64_t last
        cdef Item *gold
        cdef Item *predicted
        for i in range(n):
            both[i].is_taken = False
            both[i].position = <int32_t>(i if i < n_gold else i - n_gold)
        _sort(both, n, _compare_by_end)
        for i in range(n):
            self.order[both[i].side][both[i].position] = <int32_t>i
        count[0], count[1] = n_gold, n - n_gold
        arrived[0] = arrived[1] = size[0] = size[1] = 0
        for i in range(n):
            if both[i].is_taken:
                continue
            side = both[i].side
            other_side = 1 - side
            last = both[i].end
            while (
                arrived[other_side] < count[other_side]
                and both[self.order[other_side][arrived[other_side]]].start < last
            ):
                _push(self.heap[other_side], &size[other_side], self.order[other_side][arrived[other_side]])
                arrived[other_side] += 1
            while size[other_side] and (
                self.heap[other_side][0] < i or both[self.heap[other_side][0]].is_taken
            ):
                _pop(self.heap[other_side], &size[other_side])
            if size[other_side]:
                other = _pop(self.heap[other_side], &size[other_side])
                both[i].is_taken = both[other].is_taken = True
                pairs += 1
                gold, predicted = &both[i], &both[other]
                if side == 1:
                    gold, predicted = predicted, gold
                if found:
                    self.row_of(gold.label)[found] += 1
                    self.row_of(predicted.label)[tp] += 1
                else:
                    self.gold[gold.origin].is_taken = True
                    self.predicted[predicted.origin].is_taken = True
        return pairs


def has_duplicates(list counts, bytes start_words, bytes end_words, bytes label_words):
    """Whether two contiguous entities of a document have the same label, start and end.

    Reference: `document_join._may_have_duplicate_entities`, which compares hashes.
    """
    cdef const int64_t *start = _words(start_words)
    cdef const int64_t *end = _words(end_words)
    cdef const int64_t *label = _words(label_words)
    cdef Py_ssize_t row = 0, k, i, n, size = 0
    cdef Item *items = NULL
    cdef Item *grown
    try:
        for k in range(PyList_GET_SIZE(counts)):
            n = counts[k]
            if n > size:
                size = 2 * n
                grown = <Item *>realloc(items, <size_t>size * sizeof(Item))
                if grown == NULL:
                    raise MemoryError
                items = grown
            for i in range(n):
                items[i].start, items[i].end = start[row + i], end[row + i]
                items[i].rank, items[i].read_label = 0, <int32_t>label[row + i]
            _sort(items, n, _compare_by_start)
            for i in range(1, n):
                if _compare_by_start(&items[i - 1], &items[i]) == 0:
                    return True
            row += n
        return False
    finally:
        free(items)


cdef enum:
    UNKNOWN_LABEL = -2  # the code of a label that was not looked up


def count_documents(
    list gold_counts, bytes gold_start, bytes gold_end, bytes gold_label,
    list predicted_counts, bytes predicted_start, bytes predicted_end, bytes predicted_label,
    const int64_t[::1] gold_codes, const int64_t[::1] predicted_codes, const int64_t[::1] rank,
    Py_ssize_t first_unit, bint with_overlaps, bint with_type,
):
    """Count the contiguous items of documents under the schemes strict, exact, partial and type.

    `*_start`, `*_end`, `*_label`: 64-bit words. `*_codes`: the compared code of each label that was
    read; -1 for dropped labels, UNKNOWN_LABEL for those that were not looked up. rank: the position
    of each compared label in the sorted names. with_overlaps, with_type: whether the half credits
    and the counts of type are wanted.

    Returns (rows, gold_dropped, predicted_dropped, duplicates): rows of WIDTH 32-bit integers, for
    each document and label that has items. None if gold has duplicates. If the code of a label is
    unknown, (side, label), and the caller calls again: side is 0 for gold, 1 for predictions.
    Reference: `counting.Block.count_cells`.
    """
    cdef _Workspace space = _Workspace(len(rank))
    cdef Py_ssize_t gold_row = 0, predicted_row = 0, k, i, n_gold, n_predicted, first
    cdef Py_ssize_t gold_dropped = 0, predicted_dropped = 0, duplicates = 0
    cdef Py_ssize_t used = 0, size = 0, unknown = 0
    cdef int32_t *table = NULL
    cdef int32_t *grown
    cdef Item *items
    cdef Item *item
    try:
        for k in range(PyList_GET_SIZE(gold_counts)):
            n_gold = gold_counts[k]
            n_predicted = predicted_counts[k]
            space.reserve(n_gold + n_predicted)
            space.n_rows = 0
            n_gold = _load(
                space.gold, 0, n_gold, gold_row, _words(gold_start), _words(gold_end),
                _words(gold_label), gold_codes, rank, &gold_dropped, &unknown,
            )
            if n_gold < 0:
                return 0, unknown
            n_predicted = _load(
                space.predicted, 1, n_predicted, predicted_row, _words(predicted_start),
                _words(predicted_end), _words(predicted_label), predicted_codes, rank,
                &predicted_dropped, &unknown,
            )
            if n_predicted < 0:
                return 1, unknown
            gold_row += gold_counts[k]
            predicted_row += predicted_counts[k]
            for i in range(n_gold):
                item = &space.gold[i]
                if i and _compare_by_start(item - 1, item) == 0:
                    return None
                space.row_of(item.label)[GOLD] += 1
            first = 0
            for i in range(n_predicted):
                item = &space.predicted[i]
                space.row_of(item.label)[PREDICTED] += 1
                if i and _compare_by_start(item - 1, item) == 0:
                    duplicates += 1
                    continue
                # A duplicate is equal to the one before it, so that items can be moved over it.
                space.predicted[first] = item[0]
                first += 1
            n_predicted = first
            for i in range(n_gold):
                space.gold[i].origin = <int32_t>i
            for i in range(n_predicted):
                space.predicted[i].origin = <int32_t>i
            space.count_equal_spans(n_gold, n_predicted, True)
            if with_overlaps:
                space.count_overlaps(n_gold, n_predicted, HALF_FOUND, HALF_TP)
            if with_type:
                space.count_type(n_gold, n_predicted)
                space.count_equal_spans(n_gold, n_predicted, False)
                space.count_overlaps(n_gold, n_predicted, WRONG_GOLD, WRONG_PREDICTED)
            if used + space.n_rows > size:
                size = max(2 * size, used + space.n_rows, 256)
                grown = <int32_t *>realloc(table, <size_t>size * WIDTH * sizeof(int32_t))
                if grown == NULL:
                    raise MemoryError
                table = grown
            for i in range(space.n_rows):
                space.rows[i * WIDTH + UNIT] = <int32_t>(first_unit + k)
                space.slot[space.rows[i * WIDTH + LABEL]] = -1
            memcpy(table + used * WIDTH, space.rows, space.n_rows * WIDTH * sizeof(int32_t))
            used += space.n_rows
        rows = PyBytes_FromStringAndSize(<char *>table, used * WIDTH * sizeof(int32_t)) if used else b""
        return rows, gold_dropped, predicted_dropped, duplicates
    finally:
        free(table)


cdef Py_ssize_t _load(
    Item *items, int32_t side, Py_ssize_t n, Py_ssize_t row,
    const int64_t *start, const int64_t *end, const int64_t *label,
    const int64_t[::1] codes, const int64_t[::1] rank, Py_ssize_t *dropped, Py_ssize_t *unknown,
) noexcept:
    """Copy the items of a document that are compared, sorted by start. Returns their number; -1 if
    the code of a label is unknown.
    """
    cdef Py_ssize_t kept = 0, i
    cdef int64_t code
    for i in range(row, row + n):
        code = codes[label[i]] if label[i] < codes.shape[0] else UNKNOWN_LABEL
        if code == UNKNOWN_LABEL:
            unknown[0] = label[i]
            return -1
        if code < 0:
            dropped[0] += 1
            continue
        items[kept].start = start[i]
        items[kept].end = end[i]
        items[kept].label = <int32_t>code
        items[kept].rank = <int32_t>rank[code]
        items[kept].read_label = <int32_t>label[i]
        items[kept].side = side
        items[kept].is_taken = False
        kept += 1
    _sort(items, kept, _compare_by_start)
    return kept
