# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Compiled versions of the loops over annotations.

Each function does what a function in Python does, which is named in its docstring, is the
reference, and runs where this module is not built. None raises errors of its own about the input:
a function that meets anything unusual returns None (or False), and the caller runs the Python
version, whose errors are the same with and without this module.

Results are lists of counts, and bytes that hold C integers: no numpy is needed to build it.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport INT64_MAX, INT64_MIN, int16_t, int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

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
    uint32_t PyUnicode_READ(int, const void *, Py_ssize_t)
    int PyUnicode_KIND(object)
    void *PyUnicode_DATA(object)
    object PyUnicode_New(Py_ssize_t, uint32_t)
    object PyUnicode_DecodeUTF8(const char *, Py_ssize_t, const char *)
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
INTERFACE = 8


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


cdef inline bint _is_set(object item, Py_ssize_t offset, object usual):
    """Whether a field is true. usual: the object that most false fields hold."""
    cdef PyObject *value = (<PyObject **>(<char *><void *>item + offset))[0]
    if value == <PyObject *>usual:
        return False
    return bool(<object>value) if value != NULL else False


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
    without_surface, unannotated, lenient).

    check: also whether each entity is within the text and matches its surface form (in the
    attribute `text`); entities have no fragments then. False if one does not, None if a value is
    unusual. unannotated: the number of documents whose entities are None. lenient: the number of
    entities that have alternatives or are optional.
    Reference: `batch._read_entity_arrays`, `jsonl_stream.check_entities`.
    """
    cdef Py_ssize_t total = 0, row = 0, length = 0, n, k, without_surface = 0, unannotated = 0
    cdef Py_ssize_t at_label = 0, at_start = 0, at_end = 0, at_text = 0, at_fragments = 0
    cdef Py_ssize_t at_alternatives = 0, at_optional = 0, lenient = 0
    cdef int64_t *starts
    cdef int64_t *ends
    cdef int64_t *labels
    cdef PyObject *code
    cdef object kind = None, text = None
    cdef tuple items, nothing = ()
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
                at_alternatives = _field_offset(kind, "alternatives")
                at_optional = _field_offset(kind, "optional")
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
            if at_fragments and _is_set(entity, at_fragments, nothing):
                discontinuous.append((row, entity))
            if at_optional and (
                _is_set(entity, at_optional, False) or _is_set(entity, at_alternatives, nothing)
            ):
                lenient += 1
            row += 1
    return (
        counts,
        start_bytes,
        end_bytes,
        label_bytes,
        discontinuous,
        without_surface,
        unannotated,
        lenient,
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


def are_all_empty(documents, str name):
    """Whether a field of all documents of a list is empty."""
    cdef Py_ssize_t at = 0, k
    cdef object kind = None
    for k in range(PyList_GET_SIZE(documents)):
        document = <object>PyList_GET_ITEM(documents, k)
        if type(document) is not kind:
            kind = type(document)
            at = _field_offset(kind, name)
        if _field(document, at) if at else getattr(document, name):
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
    cdef Py_ssize_t total, row
    cdef int64_t *starts
    cdef int64_t *ends
    cdef int64_t *labels
    cdef PyObject *code
    counts = []
    flat = []
    for spans in documents:
        if type(spans) is not list and type(spans) is not tuple:
            return None
        counts.append(len(spans))
        flat.extend(spans)
    total = PyList_GET_SIZE(flat)
    start_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    end_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    label_bytes = PyBytes_FromStringAndSize(NULL, total * sizeof(int64_t))
    starts = <int64_t *>PyBytes_AS_STRING(start_bytes)
    ends = <int64_t *>PyBytes_AS_STRING(end_bytes)
    labels = <int64_t *>PyBytes_AS_STRING(label_bytes)
    for row in range(total):
        if row + 4 * VISITS_AHEAD < total:
            PREFETCH(PyList_GET_ITEM(flat, row + 4 * VISITS_AHEAD))
        if row + 2 * VISITS_AHEAD < total:
            ahead = <object>PyList_GET_ITEM(flat, row + 2 * VISITS_AHEAD)
            if type(ahead) is tuple and PyTuple_GET_SIZE(ahead) == 3:
                PREFETCH(PyTuple_GET_ITEM(ahead, 0))
                PREFETCH(PyTuple_GET_ITEM(ahead, 1))
        span = <object>PyList_GET_ITEM(flat, row)
        if type(span) is not tuple or PyTuple_GET_SIZE(span) != 3:
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


# ------------------------------------------------------------------ scanning plain lines


ctypedef const unsigned char *Cursor

cdef extern from *:
    """
    /* Past the characters before the next quotation mark, backslash or control character, or past
       some of them; their bits are added to bits. */
    #if defined(__SSE2__) && defined(__GNUC__)
    #include <emmintrin.h>
    static inline const unsigned char *skip_plain(
        const unsigned char *at, const unsigned char *end, int *bits)
    {
        const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\\\');
        const __m128i control = _mm_set1_epi8(0x1F);
        int high = 0;
        while (end - at >= 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)at);
            __m128i special = _mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
            int mask = _mm_movemask_epi8(special);
            if (mask) {
                int count = __builtin_ctz(mask);
                high |= _mm_movemask_epi8(bytes) & ((1 << count) - 1);
                at += count;
                break;
            }
            high |= _mm_movemask_epi8(bytes);
            at += 16;
        }
        if (high)
            *bits |= 0x80;
        return at;
    }
    #else
    #define ALL_BYTES(value) (0x0101010101010101ULL * (value))
    /* Whether a byte is less than a value, which is at most 128 */
    #define HAS_LESS(word, value) (((word) - ALL_BYTES(value)) & ~(word) & ALL_BYTES(0x80))
    static inline const unsigned char *skip_plain(
        const unsigned char *at, const unsigned char *end, int *bits)
    {
        uint64_t word, all = 0;
        for (; end - at >= 8; at += 8) {
            memcpy(&word, at, 8);
            if (HAS_LESS(word, 0x20) | HAS_LESS(word ^ ALL_BYTES('"'), 1)
                | HAS_LESS(word ^ ALL_BYTES('\\\\'), 1))
                break;
            all |= word;
        }
        if (all & ALL_BYTES(0x80))
            *bits |= 0x80;
        return at;
    }
    #endif
    """
    Cursor skip_plain(Cursor at, Cursor end, int *bits) noexcept nogil

# A JSON string: what is between its quotation marks.
ctypedef struct JsonString:
    Cursor start
    Py_ssize_t size
    bint has_escapes
    bint is_ascii

# A label as it is written, and its number.
ctypedef struct KnownLabel:
    Cursor start  # NULL: a free slot
    Py_ssize_t size
    uint64_t hash
    int64_t number

# The keys that an object has.
cdef enum:
    ID_KEY = 1
    TEXT_KEY = 2
    ENTITIES_KEY = 4
    LABEL_KEY = 8
    START_KEY = 16
    END_KEY = 32

cdef enum:
    MAX_DIGITS = 18  # of a number that fits into 64 bits whatever its digits
    INVALID_LABEL = -2


def scan_lines(data, Py_ssize_t start, Py_ssize_t stop, dict label_ids, object add_label):
    """The documents of the plain lines from byte `start` to `stop` of bytes or a bytearray, as (ids, texts, encoded_entities, counts, start, end, label,
    without_surface, unannotated), without an object for each entity; None if a line is not plain.

    A plain line has the keys id, text and entities, each at most once; its entities have label,
    start, end and text, are within the text of the document and match their surface forms.
    encoded_entities: the JSON of the entities of each document, None if they are not annotated.
    Other keys, escaped keys, numbers with sign, fraction or exponent and invalid strings are not
    plain: such lines are decoded otherwise, with errors where they are invalid.
    Reference: decoding as `jsonl_stream.PlainLine`, then `jsonl_stream.check_entities`.
    """
    cdef _LineScanner scanner = _LineScanner(label_ids, add_label)
    cdef Cursor first
    cdef Py_ssize_t size
    if type(data) is bytes:
        first, size = <Cursor>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)
    elif type(data) is bytearray:
        first, size = <Cursor>PyByteArray_AS_STRING(data), PyByteArray_GET_SIZE(data)
    else:
        return None
    if not 0 <= start < stop <= size or (first[stop - 1] != c"\n" and first[stop] != 0):
        return None
    scanner.at, scanner.end = first + start, first + stop
    while scanner.at < scanner.end:
        if not scanner.scan_line():
            return None
    return (
        scanner.ids, scanner.texts, scanner.encoded_entities, scanner.counts,
        _bytes_of(scanner.starts, scanner.n), _bytes_of(scanner.ends, scanner.n),
        _bytes_of(scanner.labels, scanner.n), scanner.without_surface, scanner.unannotated,
    )


cdef bytes _bytes_of(const int64_t *words, Py_ssize_t n):
    return PyBytes_FromStringAndSize(<const char *>words, n * sizeof(int64_t)) if n else b""


@cython.final  # so that its methods are called directly
cdef class _LineScanner:
    """Reads lines from `at` to `end`.

    A line feed is before `end`, or 0 is behind it, as behind all bytes objects and bytearrays.
    Neither is part of a token, so that single characters are read without looking for the end.
    """

    cdef Cursor at
    cdef Cursor end
    cdef dict label_ids
    cdef object add_label
    cdef list ids, texts, encoded_entities, counts
    cdef int64_t *starts
    cdef int64_t *ends
    cdef int64_t *labels
    cdef JsonString *surfaces  # by entity; their `start` is NULL where there is none
    cdef Py_ssize_t n, capacity, without_surface, unannotated
    cdef unsigned char *buffer  # of strings without their escapes
    cdef Py_ssize_t buffer_size
    cdef KnownLabel *known_labels  # a hash table with open addressing
    cdef Py_ssize_t n_slots, n_known

    def __cinit__(self, dict label_ids, object add_label):
        self.label_ids, self.add_label = label_ids, add_label
        self.ids, self.texts, self.encoded_entities, self.counts = [], [], [], []

    def __dealloc__(self):
        free(self.starts)
        free(self.ends)
        free(self.labels)
        free(self.surfaces)
        free(self.buffer)
        free(self.known_labels)

    cdef bint scan_line(self) except -1:
        """Read a line with its end. Whether it is plain."""
        cdef int keys = 0, key
        cdef Py_ssize_t first = self.n
        cdef JsonString id, text
        cdef Cursor entities = NULL
        cdef Cursor end_of_entities = NULL
        if self.at[0] != c"{":
            return False
        while True:
            self.at += 1  # a brace or a comma
            self.skip_spaces()
            if self.skip(b'"id"', 4):
                key = ID_KEY
            elif self.skip(b'"text"', 6):
                key = TEXT_KEY
            elif self.skip(b'"entities"', 10):
                key = ENTITIES_KEY
            else:
                return False
            if keys & key or not self.skip_colon():
                return False
            keys |= key
            if key == ID_KEY:
                if not self.scan_string(&id):
                    return False
            elif key == TEXT_KEY:
                if not self.scan_string(&text):
                    return False
            elif not self.skip(b"null", 4):
                entities = self.at
                if not self.scan_entities():
                    return False
                end_of_entities = self.at
            self.skip_spaces()
            if self.at[0] != c",":
                break
        if self.at[0] != c"}" or not keys & ID_KEY or not keys & TEXT_KEY or id.size == 0:
            return False
        self.at += 1
        if self.at[0] == c"\r":
            self.at += 1
        if self.at[0] == c"\n":
            self.at += 1
        elif self.at != self.end:
            return False
        text_object = self.to_str(&text)
        if text_object is None or not self.match_entities(first, text_object, text.is_ascii):
            return False
        id_object = self.to_str(&id)
        if id_object is None:
            return False
        self.ids.append(id_object)
        self.texts.append(text_object)
        self.counts.append(self.n - first)
        if entities == NULL:
            self.unannotated += 1
            self.encoded_entities.append(None)
        else:
            self.encoded_entities.append(
                PyBytes_FromStringAndSize(<const char *>entities, end_of_entities - entities)
            )
        return True

    cdef bint scan_entities(self) except -1:
        """Read a list of entities. Whether they are plain; their spans are not checked."""
        if self.at[0] != c"[":
            return False
        self.at += 1
        self.skip_spaces()
        if self.at[0] == c"]":
            self.at += 1
            return True
        while True:
            if not self.scan_entity():
                return False
            self.skip_spaces()
            if self.at[0] != c",":
                break
            self.at += 1
            self.skip_spaces()
        if self.at[0] != c"]":
            return False
        self.at += 1
        return True

    cdef bint scan_entity(self) except -1:
        cdef int keys = 0, key
        cdef JsonString label
        cdef JsonString *surface
        cdef bint is_valid
        if self.n == self.capacity:
            self.grow()
        surface = self.surfaces + self.n
        surface.start = NULL
        if self.at[0] != c"{":
            return False
        while True:
            self.at += 1  # a brace or a comma
            self.skip_spaces()
            if self.skip(b'"label"', 7):
                key = LABEL_KEY
            elif self.skip(b'"start"', 7):
                key = START_KEY
            elif self.skip(b'"end"', 5):
                key = END_KEY
            elif self.skip(b'"text"', 6):
                key = TEXT_KEY
            else:
                return False
            if keys & key or not self.skip_colon():
                return False
            keys |= key
            if key == LABEL_KEY:
                is_valid = self.scan_string(&label)
            elif key == START_KEY:
                is_valid = self.scan_number(self.starts + self.n)
            elif key == END_KEY:
                is_valid = self.scan_number(self.ends + self.n)
            else:
                is_valid = self.skip(b"null", 4) or self.scan_string(surface)
            if not is_valid:
                return False
            self.skip_spaces()
            if self.at[0] != c",":
                break
        if self.at[0] != c"}" or (keys | TEXT_KEY) != LABEL_KEY | START_KEY | END_KEY | TEXT_KEY:
            return False
        self.at += 1
        if label.size == 0:
            return False
        self.labels[self.n] = self.number_of(&label)
        if self.labels[self.n] == INVALID_LABEL:
            return False
        self.n += 1
        return True

    cdef bint match_entities(self, Py_ssize_t first, str text, bint is_ascii) except -1:
        """Whether the entities from `first` on are within their text and match their surface forms.
        """
        cdef Py_ssize_t row, length = PyUnicode_GET_LENGTH(text), size
        cdef const void *characters = PyUnicode_DATA(text)
        cdef int kind = PyUnicode_KIND(text)
        cdef JsonString *surface
        cdef Cursor written
        for row in range(first, self.n):
            if not self.starts[row] < self.ends[row] <= length:
                return False
            surface = self.surfaces + row
            if surface.start == NULL:
                self.without_surface += 1
                continue
            written, size = surface.start, surface.size
            if surface.has_escapes:
                size = self.unescape(surface)
                if size < 0:
                    return False
                written = self.buffer
            if is_ascii:
                if size != self.ends[row] - self.starts[row]:
                    return False
                if memcmp(<Cursor>characters + self.starts[row], written, size) != 0:
                    return False
            elif not _is_utf8_of(
                kind, characters, self.starts[row], self.ends[row], written, size
            ):
                return False
        return True

    cdef int64_t number_of(self, JsonString *label) except? -1:
        """The number of a label; INVALID_LABEL if it is no valid string."""
        cdef uint64_t hash = <uint64_t>0xCBF29CE484222325
        cdef Py_ssize_t k, slot
        cdef KnownLabel *known
        cdef PyObject *code
        for k in range(label.size):
            hash = (hash ^ label.start[k]) * <uint64_t>0x100000001B3
        hash ^= hash >> 32
        if 2 * self.n_known >= self.n_slots:
            self.grow_known_labels()
        slot = hash & <uint64_t>(self.n_slots - 1)
        while self.known_labels[slot].start != NULL:
            known = self.known_labels + slot
            if (
                known.hash == hash and known.size == label.size
                and memcmp(known.start, label.start, label.size) == 0
            ):
                return known.number
            slot = (slot + 1) & (self.n_slots - 1)
        name = self.to_str(label)
        if name is None:
            return INVALID_LABEL
        known = self.known_labels + slot
        code = PyDict_GetItemWithError(self.label_ids, name)
        known.number = self.add_label(name) if code == NULL else <object>code
        known.start, known.size, known.hash = label.start, label.size, hash
        self.n_known += 1
        return known.number

    cdef int grow_known_labels(self) except -1:
        cdef Py_ssize_t n_slots = max(2 * self.n_slots, 64), k, slot
        cdef KnownLabel *slots = <KnownLabel *>calloc(n_slots, sizeof(KnownLabel))
        if slots == NULL:
            raise MemoryError
        for k in range(self.n_slots):
            if self.known_labels[k].start == NULL:
                continue
            slot = self.known_labels[k].hash & <uint64_t>(n_slots - 1)
            while slots[slot].start != NULL:
                slot = (slot + 1) & (n_slots - 1)
            slots[slot] = self.known_labels[k]
        free(self.known_labels)
        self.known_labels, self.n_slots = slots, n_slots
        return 0

    cdef int grow(self) except -1:
        """Make room for more entities."""
        cdef Py_ssize_t capacity = max(2 * self.capacity, 512)
        self.starts = <int64_t *>_resized(self.starts, capacity * sizeof(int64_t))
        self.ends = <int64_t *>_resized(self.ends, capacity * sizeof(int64_t))
        self.labels = <int64_t *>_resized(self.labels, capacity * sizeof(int64_t))
        self.surfaces = <JsonString *>_resized(self.surfaces, capacity * sizeof(JsonString))
        self.capacity = capacity
        return 0

    cdef inline void skip_spaces(self) noexcept:
        while self.at[0] <= c" " and (self.at[0] == c" " or self.at[0] == c"\t"):
            self.at += 1

    cdef inline bint skip(self, const char *token, Py_ssize_t size) noexcept:
        """Whether a token comes next; goes past it."""
        if self.end - self.at < size or memcmp(self.at, token, size) != 0:
            return False
        self.at += size
        return True

    cdef inline bint skip_colon(self) noexcept:
        """Whether a colon comes next, with spaces around it; goes past it."""
        self.skip_spaces()
        if self.at[0] != c":":
            return False
        self.at += 1
        self.skip_spaces()
        return True

    cdef inline bint scan_number(self, int64_t *number) noexcept:
        """Whether a number of digits only comes next; goes past it."""
        cdef Cursor start = self.at
        cdef int64_t value = 0
        while c"0" <= self.at[0] <= c"9":
            if self.at - start == MAX_DIGITS:
                return False
            value = 10 * value + (self.at[0] - c"0")
            self.at += 1
        number[0] = value
        if start[0] == c"0":
            return self.at - start == 1
        return self.at > start

    cdef inline bint scan_string(self, JsonString *string) noexcept:
        """Whether a string comes next; goes past it. Its escapes and UTF-8 are not checked."""
        cdef Cursor at = self.at + 1
        cdef int bits = 0
        if self.at[0] != c'"':
            return False
        string.start = at
        string.has_escapes = False
        while True:
            at = skip_plain(at, self.end, &bits)
            while at[0] >= 0x20 and at[0] != c'"' and at[0] != c"\\":
                bits |= at[0]
                at += 1
            if at[0] == c'"':
                break
            if at[0] != c"\\" or self.end - at < 2:
                return False
            string.has_escapes = True
            at += 2
        string.size = at - string.start
        string.is_ascii = bits & 0x80 == 0
        self.at = at + 1
        return True

    cdef object to_str(self, JsonString *string):
        """The str of a string, whose `is_ascii` is then true of its value; None if it is invalid.
        """
        cdef Cursor start = string.start
        cdef Py_ssize_t size = string.size
        if string.has_escapes:
            size = self.unescape(string)
            if size < 0:
                return None
            start = self.buffer
        if string.is_ascii:
            result = PyUnicode_New(size, 0x7F)
            memcpy(PyUnicode_DATA(result), start, size)
            return result
        try:
            return PyUnicode_DecodeUTF8(<const char *>start, size, NULL)
        except UnicodeDecodeError:
            return None

    cdef Py_ssize_t unescape(self, JsonString *string) except -2:
        """Write a string without its escapes into the buffer. Returns the size; -1 for an invalid
        escape. `is_ascii` becomes false for an escape of another character.
        """
        cdef Cursor at = string.start
        cdef Cursor end = at + string.size
        cdef unsigned char *to
        cdef int32_t code, low
        if self.buffer_size < string.size:
            self.buffer = <unsigned char *>_resized(self.buffer, 2 * string.size)
            self.buffer_size = 2 * string.size
        to = self.buffer
        while at < end:
            if at[0] != c"\\":
                to[0] = at[0]
                to += 1
                at += 1
                continue
            # The quotation mark behind the string is no escape that could go on behind it.
            code = _escaped_character(at[1])
            at += 2
            if code < 0:
                return -1
            if code == 0:  # \uXXXX
                code = _hexadecimal(at, end)
                at += 4
                if 0xD800 <= code < 0xDC00 and end - at >= 6 and at[0] == c"\\" and at[1] == c"u":
                    low = _hexadecimal(at + 2, end)
                    at += 6
                    if not 0xDC00 <= low < 0xE000:
                        return -1
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                elif code < 0 or 0xD800 <= code < 0xE000:
                    return -1
                if code >= 0x80:
                    string.is_ascii = False
            to += _encode_utf8(<uint32_t>code, to)
        return to - self.buffer


cdef void *_resized(void *memory, size_t size) except NULL:
    cdef void *resized = realloc(memory, size)
    if resized == NULL:
        raise MemoryError
    return resized


cdef int32_t _escaped_character(unsigned char letter) noexcept:
    """The character that a letter stands for behind a backslash; 0 for u, -1 if there is none."""
    if letter == c'"' or letter == c"\\" or letter == c"/":
        return letter
    if letter == c"n":
        return c"\n"
    if letter == c"t":
        return c"\t"
    if letter == c"r":
        return c"\r"
    if letter == c"b":
        return 8
    if letter == c"f":
        return 12
    return 0 if letter == c"u" else -1


cdef int32_t _hexadecimal(Cursor at, Cursor end) noexcept:
    """The value of four hexadecimal digits; -1 if there are others."""
    cdef int32_t value = 0
    cdef int k
    if end - at < 4:
        return -1
    for k in range(4):
        value <<= 4
        if c"0" <= at[k] <= c"9":
            value += at[k] - c"0"
        elif c"a" <= at[k] <= c"f":
            value += at[k] - c"a" + 10
        elif c"A" <= at[k] <= c"F":
            value += at[k] - c"A" + 10
        else:
            return -1
    return value


cdef inline int _encode_utf8(uint32_t character, unsigned char *to) noexcept:
    """Write the UTF-8 of a character. Returns its size."""
    if character < 0x80:
        to[0] = <unsigned char>character
        return 1
    if character < 0x800:
        to[0] = <unsigned char>(0xC0 | character >> 6)
        to[1] = <unsigned char>(0x80 | character & 0x3F)
        return 2
    if character < 0x10000:
        to[0] = <unsigned char>(0xE0 | character >> 12)
        to[1] = <unsigned char>(0x80 | character >> 6 & 0x3F)
        to[2] = <unsigned char>(0x80 | character & 0x3F)
        return 3
    to[0] = <unsigned char>(0xF0 | character >> 18)
    to[1] = <unsigned char>(0x80 | character >> 12 & 0x3F)
    to[2] = <unsigned char>(0x80 | character >> 6 & 0x3F)
    to[3] = <unsigned char>(0x80 | character & 0x3F)
    return 4


cdef bint _is_utf8_of(
    int kind, const void *characters, Py_ssize_t start, Py_ssize_t end, Cursor written, Py_ssize_t size
) noexcept:
    """Whether bytes are the UTF-8 of a part of a str."""
    cdef Cursor end_of_written = written + size
    cdef unsigned char encoded[4]
    cdef Py_ssize_t k
    cdef int n
    for k in range(start, end):
        n = _encode_utf8(PyUnicode_READ(kind, characters, k), encoded)
        if end_of_written - written < n or memcmp(written, encoded, n) != 0:
            return False
        written += n
    return written == end_of_written


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


cdef enum:
    UNKNOWN_LABEL = -2  # the code of a label that was not looked up


ctypedef struct Item:
    int64_t start
    int64_t end
    int32_t rank  # the position of the name of its label in the sorted names
    int32_t row  # of its document and label in the table
    int32_t read_label  # the number of the label that was read
    int32_t origin  # among the items of its side in a component
    int32_t position  # among the items of its side in a sweep
    int16_t side  # 0: gold, 1: predicted
    int16_t is_taken


# A row of the table: unit, label, then counts. Matched items: with credit 1 (strict, exact, type),
# with credit 1/2 (half); found: of gold, tp: predicted. Under strict and type both labels are
# equal, so that one count stands for both. wrong: items that overlap one to one after the pairs of
# type, without credit. Those after the pairs of strict and exact follow from the other counts.
cdef enum:
    UNIT, LABEL, GOLD, PREDICTED, STRICT, EXACT_FOUND, EXACT_TP, HALF_FOUND, HALF_TP
    TYPE, WRONG_GOLD, WRONG_PREDICTED, WIDTH

ctypedef int32_t Row[WIDTH]


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


cdef inline bint _sort(Item *items, Py_ssize_t n, Comparison compare) noexcept nogil:
    """Sort items: by insertion while few have to move, else by qsort. Returns whether two of them
    are equal.
    """
    cdef Py_ssize_t i, k, moves = 0
    cdef bint has_equal = False
    cdef int order
    cdef Item item
    for i in range(1, n):
        order = compare(&items[i - 1], &items[i])
        if order <= 0:
            has_equal |= order == 0
            continue
        item = items[i]
        k = i - 1
        while k > 0:
            order = compare(&items[k - 1], &item)
            if order <= 0:
                has_equal |= order == 0
                break
            k -= 1
        memmove(&items[k + 1], &items[k], (i - k) * sizeof(Item))
        items[k] = item
        moves += i - k
        if moves > MAX_MOVES * n:
            qsort(items, n, sizeof(Item), compare)
            for k in range(1, n):
                if compare(&items[k - 1], &items[k]) == 0:
                    return True
            return False
    return has_equal


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


ctypedef struct Side:
    const int64_t *start
    const int64_t *end
    const int64_t *label
    const int64_t *codes  # of the labels that were read
    Py_ssize_t n_codes
    Py_ssize_t next_row
    Py_ssize_t dropped  # items whose label is dropped
    int64_t unknown_label
    bint has_duplicates  # whether the last document has


@cython.final  # so that its methods are called directly
cdef class _TableBuilder:
    """Builds the table of a list of documents; keeps its memory from one document to the next.

    Items that overlap are connected. Every matching pairs items that overlap, and its choices
    depend only on the order of the items in a connected component, so that each component of a
    document is matched on its own: most are a single item, or a gold and a predicted one.
    """

    cdef Item *items[2]  # of a document, by side, sorted by start
    cdef Item *both  # the items of a sweep in its order
    cdef int32_t *order[2]  # of the items of a side by start: their positions in `both`
    cdef int32_t *heap[2]
    cdef int32_t *matched[2]  # the pairs of a sweep: their positions in `both`
    cdef int32_t *next_item  # of an item with its side and label in a component
    cdef int32_t *first_item[2]  # of each label: the first item of a side in a component
    cdef int32_t *row_of_label  # the last row of each label
    cdef Row *rows
    cdef Py_ssize_t capacity, n_labels, n_rows, first_row, size
    cdef bint with_overlaps, with_type

    def __cinit__(self, Py_ssize_t n_labels, bint with_overlaps, bint with_type):
        self.n_labels = n_labels
        self.with_overlaps, self.with_type = with_overlaps, with_type
        self.row_of_label = <int32_t *>malloc(max(n_labels, 1) * sizeof(int32_t))
        if self.row_of_label == NULL:
            raise MemoryError
        memset(self.row_of_label, 0xFF, n_labels * sizeof(int32_t))
        self.reserve(64)

    cdef int start_document(self, Py_ssize_t n) except -1:
        """Make room for a document with n items of both sides together."""
        cdef Py_ssize_t needed
        cdef Row *grown
        self.first_row = self.n_rows
        needed = self.n_rows + min(n, self.n_labels)
        if needed > self.size:
            needed = max(needed, 2 * self.size, 64)
            grown = <Row *>realloc(self.rows, <size_t>needed * sizeof(Row))
            if grown == NULL:
                raise MemoryError
            self.rows, self.size = grown, needed
        if n > self.capacity:
            self.reserve(max(n, 2 * self.capacity))
        return 0

    cdef int reserve(self, Py_ssize_t n) except -1:
        self.free_items()
        self.both = <Item *>malloc(n * sizeof(Item))
        self.next_item = <int32_t *>malloc(n * sizeof(int32_t))
        self.capacity = n
        cdef bint is_complete = self.both != NULL and self.next_item != NULL
        for side in range(2):
            # One more, which ends the items of a document.
            self.items[side] = <Item *>malloc((n + 1) * sizeof(Item))
            self.order[side] = <int32_t *>malloc(n * sizeof(int32_t))
            self.heap[side] = <int32_t *>malloc(n * sizeof(int32_t))
            self.matched[side] = <int32_t *>malloc(n * sizeof(int32_t))
            self.first_item[side] = <int32_t *>malloc(n * sizeof(int32_t))
            is_complete &= self.items[side] != NULL and self.order[side] != NULL
            is_complete &= self.heap[side] != NULL and self.matched[side] != NULL
            is_complete &= self.first_item[side] != NULL
        if not is_complete:
            raise MemoryError
        return 0

    cdef void free_items(self) noexcept:
        free(self.both)
        free(self.next_item)
        self.both = NULL
        self.next_item = NULL
        for side in range(2):
            free(self.items[side])
            free(self.order[side])
            free(self.heap[side])
            free(self.matched[side])
            free(self.first_item[side])
            self.items[side] = NULL
            self.order[side] = self.heap[side] = NULL
            self.matched[side] = self.first_item[side] = NULL
        self.capacity = 0

    def __dealloc__(self):
        self.free_items()
        free(self.row_of_label)
        free(self.rows)

    cdef Py_ssize_t load(
        self, Side *side, int number, Py_ssize_t n, const int64_t *rank, int32_t unit
    ) noexcept nogil:
        """Copy the next n items of a side, without those that are dropped, sorted by start, and
        count them. Returns their number; -1 if the code of a label is unknown.
        """
        cdef Item *items = self.items[number]
        cdef Item *item = items
        cdef int32_t row
        cdef int64_t label, code
        cdef Py_ssize_t i
        for i in range(side.next_row, side.next_row + n):
            label = side.label[i]
            code = side.codes[label] if label < side.n_codes else UNKNOWN_LABEL
            if code < 0:
                if code == UNKNOWN_LABEL:
                    side.unknown_label = label
                    return -1
                side.dropped += 1
                continue
            row = self.row_of_label[code]
            if row < self.first_row:
                row = self.row_of_label[code] = <int32_t>self.n_rows
                self.n_rows += 1
                memset(self.rows[row], 0, sizeof(Row))
                self.rows[row][UNIT] = unit
                self.rows[row][LABEL] = <int32_t>code
            self.rows[row][GOLD + number] += 1
            item.start, item.end = side.start[i], side.end[i]
            item.rank, item.row, item.read_label = <int32_t>rank[code], row, <int32_t>label
            item.side, item.is_taken = <int16_t>number, False
            item += 1
        side.next_row += n
        n = item - items
        side.has_duplicates = _sort(items, n, _compare_by_start)
        item.start = INT64_MAX
        return n

    cdef Py_ssize_t drop_duplicates(self, Item *items, Py_ssize_t n) noexcept nogil:
        """Move sorted items together, without those that are equal to another. Returns their
        number.
        """
        cdef Py_ssize_t i, kept = 1
        for i in range(1, n):
            if _compare_by_start(&items[kept - 1], &items[i]) != 0:
                items[kept] = items[i]
                kept += 1
        items[kept].start = INT64_MAX
        return kept

    cdef void count_matches(self, Py_ssize_t n_gold, Py_ssize_t n_predicted) noexcept nogil:
        """Count the pairs of all components of a document."""
        cdef Item *gold = self.items[0]
        cdef Item *predicted = self.items[1]
        cdef const Item *end_of_gold = gold + n_gold
        cdef const Item *end_of_predicted = predicted + n_predicted
        cdef Item *next_gold = gold
        cdef Item *next_predicted = predicted
        cdef int64_t last
        while next_gold < end_of_gold and next_predicted < end_of_predicted:
            gold, predicted = next_gold, next_predicted
            # All items that start before the last end belong to the component.
            last = INT64_MIN
            if gold.start <= predicted.start:
                last = gold.end
                next_gold += 1
            else:
                last = predicted.end
                next_predicted += 1
            while True:
                if next_gold.start < last:
                    last = max(last, next_gold.end)
                    next_gold += 1
                elif next_predicted.start < last:
                    last = max(last, next_predicted.end)
                    next_predicted += 1
                else:
                    break
            if next_gold == gold or next_predicted == predicted:
                continue
            if next_gold == gold + 1 and next_predicted == predicted + 1:
                self.count_pair(gold, predicted)
            else:
                self.count_component(
                    gold, next_gold - gold, predicted, next_predicted - predicted
                )

    cdef inline void count_pair(self, const Item *gold, const Item *predicted) noexcept nogil:
        """Count a component of a gold and a predicted item."""
        cdef int32_t *of_gold = self.rows[gold.row]
        cdef int32_t *of_predicted = self.rows[predicted.row]
        cdef bint has_same_label = gold.row == predicted.row
        if gold.start == predicted.start and gold.end == predicted.end:
            if has_same_label:
                of_gold[STRICT] += 1
            of_gold[EXACT_FOUND] += 1
            of_predicted[EXACT_TP] += 1
        elif self.with_overlaps:
            of_gold[HALF_FOUND] += 1
            of_predicted[HALF_TP] += 1
        if self.with_type:
            if has_same_label:
                of_gold[TYPE] += 1
            else:
                of_gold[WRONG_GOLD] += 1
                of_predicted[WRONG_PREDICTED] += 1

    cdef void count_component(
        self, Item *gold, Py_ssize_t n_gold, Item *predicted, Py_ssize_t n_predicted
    ) noexcept nogil:
        """Count a component of any items."""
        cdef Py_ssize_t strict, i
        strict = self.count_equal_spans(gold, n_gold, predicted, n_predicted, True)
        if strict == min(n_gold, n_predicted):
            # One side is matched: its pairs are those of type, and nothing remains.
            if self.with_type and n_gold <= n_predicted:
                for i in range(n_gold):
                    self.rows[gold[i].row][TYPE] += 1
            elif self.with_type:
                for i in range(n_predicted):
                    self.rows[predicted[i].row][TYPE] += 1
            return
        if self.with_overlaps:
            self.count_overlaps(gold, n_gold, predicted, n_predicted, HALF_FOUND, HALF_TP)
        if self.with_type:
            self.count_type(gold, n_gold, predicted, n_predicted)
            self.count_equal_spans(gold, n_gold, predicted, n_predicted, False)
            self.count_overlaps(
                gold, n_gold, predicted, n_predicted, WRONG_GOLD, WRONG_PREDICTED
            )

    cdef Py_ssize_t count_equal_spans(
        self, Item *gold, Py_ssize_t n_gold, Item *predicted, Py_ssize_t n_predicted,
        bint with_strict,
    ) noexcept nogil:
        """Pair equal spans, first those with one label, then the rest in the order of the names of
        labels; marks the items of pairs as taken. Both sides are sorted by start. Returns the
        number of pairs with one label.

        with_strict: False to pair only the rest, of what the pairs of type have left.
        """
        cdef Py_ssize_t i = 0, j = 0, i_end, j_end, a, b, strict = 0
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
            while i_end < n_gold and _has_equal_span(&gold[i_end], &gold[i]):
                i_end += 1
            while j_end < n_predicted and _has_equal_span(&predicted[j_end], &predicted[j]):
                j_end += 1
            if not with_strict:
                self.pair_rest(gold, i, i_end, predicted, j, j_end, WRONG_GOLD, WRONG_PREDICTED)
                i, j = i_end, j_end
                continue
            a, b = i, j
            while a < i_end and b < j_end:
                if gold[a].rank < predicted[b].rank:
                    a += 1
                elif gold[a].rank > predicted[b].rank:
                    b += 1
                else:
                    self.rows[gold[a].row][STRICT] += 1
                    self.take_pair(&gold[a], &predicted[b], EXACT_FOUND, EXACT_TP)
                    strict += 1
                    a += 1
                    b += 1
            self.pair_rest(gold, i, i_end, predicted, j, j_end, EXACT_FOUND, EXACT_TP)
            i, j = i_end, j_end
        return strict

    cdef void pair_rest(
        self, Item *gold, Py_ssize_t i, Py_ssize_t i_end,
        Item *predicted, Py_ssize_t j, Py_ssize_t j_end, int found, int tp,
    ) noexcept nogil:
        """Pair the items with one span that are not taken, in the order of the names of labels."""
        while True:
            while i < i_end and gold[i].is_taken:
                i += 1
            while j < j_end and predicted[j].is_taken:
                j += 1
            if i == i_end or j == j_end:
                return
            self.take_pair(&gold[i], &predicted[j], found, tp)

    cdef inline void take_pair(
        self, Item *gold, Item *predicted, int found, int tp
    ) noexcept nogil:
        gold.is_taken = predicted.is_taken = True
        self.rows[gold.row][found] += 1
        self.rows[predicted.row][tp] += 1

    cdef void count_overlaps(
        self, Item *gold, Py_ssize_t n_gold, Item *predicted, Py_ssize_t n_predicted,
        int found, int tp,
    ) noexcept nogil:
        """Count the largest matching by overlap of the items that are not taken."""
        cdef Py_ssize_t n = 0, i, k, rest_of_gold, pairs
        for i in range(n_gold):
            if not gold[i].is_taken:
                self.both[n] = gold[i]
                n += 1
        if n == 0:
            return
        rest_of_gold = n
        for i in range(n_predicted):
            if not predicted[i].is_taken:
                self.both[n] = predicted[i]
                n += 1
        if n == rest_of_gold:
            return
        pairs = self.sweep(rest_of_gold, n)
        for k in range(pairs):
            self.rows[self.both[self.matched[0][k]].row][found] += 1
            self.rows[self.both[self.matched[1][k]].row][tp] += 1

    cdef void count_type(
        self, Item *gold, Py_ssize_t n_gold, Item *predicted, Py_ssize_t n_predicted
    ) noexcept nogil:
        """Count the largest matching by overlap under each label; marks the items of pairs as
        taken, and all others as free.
        """
        cdef int32_t *next_gold = self.next_item
        cdef int32_t *next_predicted = self.next_item + n_gold
        cdef Py_ssize_t row, n, n_of_gold, pairs, i, k, label
        # Lists of the items of each label, the first of which are kept by its row.
        for i in range(n_predicted):
            self.first_item[1][predicted[i].row - self.first_row] = -1
        for i in range(n_gold):
            label = gold[i].row - self.first_row
            self.first_item[0][label] = self.first_item[1][label] = -1
        for i in range(n_gold - 1, -1, -1):
            label = gold[i].row - self.first_row
            next_gold[i] = self.first_item[0][label]
            self.first_item[0][label] = <int32_t>i
            gold[i].is_taken = False
            gold[i].origin = <int32_t>i
        for i in range(n_predicted - 1, -1, -1):
            label = predicted[i].row - self.first_row
            next_predicted[i] = self.first_item[1][label]
            self.first_item[1][label] = <int32_t>i
            predicted[i].is_taken = False
            predicted[i].origin = <int32_t>i
        for k in range(n_gold):
            row = gold[k].row
            label = row - self.first_row
            if self.first_item[0][label] != k or self.first_item[1][label] < 0:
                continue
            n = 0
            i = k
            while i >= 0:
                self.both[n] = gold[i]
                n += 1
                i = next_gold[i]
            n_of_gold = n
            i = self.first_item[1][label]
            while i >= 0:
                self.both[n] = predicted[i]
                n += 1
                i = next_predicted[i]
            pairs = self.sweep(n_of_gold, n)
            self.rows[row][TYPE] += <int32_t>pairs
            for i in range(pairs):
                gold[self.both[self.matched[0][i]].origin].is_taken = True
                predicted[self.both[self.matched[1][i]].origin].is_taken = True

    cdef Py_ssize_t sweep(self, Py_ssize_t n_gold, Py_ssize_t n) noexcept nogil:
        """Sort the first n items of `both`, and find their largest matching by overlap.

        The items of each side are sorted by start. Returns the number of pairs; `matched` then has
        their positions in `both`. Reference: `matching._sweep`.
        """
        cdef Item *both = self.both
        cdef Py_ssize_t i, pairs = 0, side, other_side
        cdef Py_ssize_t arrived[2]
        cdef Py_ssize_t size[2]
        cdef Py_ssize_t count[2]
        cdef int32_t other
        cdef int64_t last
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
                other = self.order[other_side][arrived[other_side]]
                _push(self.heap[other_side], &size[other_side], other)
                arrived[other_side] += 1
            while size[other_side] and (
                self.heap[other_side][0] < i or both[self.heap[other_side][0]].is_taken
            ):
                _pop(self.heap[other_side], &size[other_side])
            if size[other_side]:
                other = _pop(self.heap[other_side], &size[other_side])
                both[i].is_taken = both[other].is_taken = True
                self.matched[side][pairs] = <int32_t>i
                self.matched[other_side][pairs] = other
                pairs += 1
        return pairs


cdef inline bint _has_equal_span(const Item *one, const Item *other) noexcept nogil:
    return one.start == other.start and one.end == other.end


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
            if _sort(items, n, _compare_by_start):
                return True
            row += n
        return False
    finally:
        free(items)


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
    cdef _TableBuilder table = _TableBuilder(len(rank), with_overlaps, with_type)
    cdef const int64_t *ranks = &rank[0] if len(rank) else NULL
    cdef Side gold, predicted
    cdef Py_ssize_t k, n_gold, n_predicted, n_different, duplicates = 0
    memset(&gold, 0, sizeof(Side))
    memset(&predicted, 0, sizeof(Side))
    gold.start, gold.end = _words(gold_start), _words(gold_end)
    gold.label, gold.n_codes = _words(gold_label), len(gold_codes)
    gold.codes = &gold_codes[0] if gold.n_codes else NULL
    predicted.start, predicted.end = _words(predicted_start), _words(predicted_end)
    predicted.label, predicted.n_codes = _words(predicted_label), len(predicted_codes)
    predicted.codes = &predicted_codes[0] if predicted.n_codes else NULL
    for k in range(PyList_GET_SIZE(gold_counts)):
        n_gold, n_predicted = gold_counts[k], predicted_counts[k]
        table.start_document(n_gold + n_predicted)
        n_gold = table.load(&gold, 0, n_gold, ranks, <int32_t>(first_unit + k))
        if n_gold < 0:
            return 0, gold.unknown_label
        if gold.has_duplicates:
            return None
        n_predicted = table.load(&predicted, 1, n_predicted, ranks, <int32_t>(first_unit + k))
        if n_predicted < 0:
            return 1, predicted.unknown_label
        if predicted.has_duplicates:
            n_different = table.drop_duplicates(table.items[1], n_predicted)
            duplicates += n_predicted - n_different
            n_predicted = n_different
        table.count_matches(n_gold, n_predicted)
    rows = b""
    if table.n_rows:
        rows = PyBytes_FromStringAndSize(<char *>table.rows, table.n_rows * sizeof(Row))
    return rows, gold.dropped, predicted.dropped, duplicates
