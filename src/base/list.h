// An intrusive, circular, doubly linked list: O(1) unlink from anywhere, no allocation.
#pragma once

#include <cassert>

namespace gatehouse {

// A node unlinks itself when it is destroyed, so nothing that waits can be forgotten in a list.
class ListNode {
 public:
  ListNode() noexcept = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const noexcept { return next_ != this; }
  void unlink() noexcept {
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = this;
  }

 private:
  template <class T>
  friend class List;
  ListNode* next_ = this;
  ListNode* previous_ = this;
};

template <class T>  // T derives from ListNode
class List {
 public:
  bool empty() const noexcept { return !head_.linked(); }
  T* front() const noexcept { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* back() const noexcept { return empty() ? nullptr : static_cast<T*>(head_.previous_); }
  void push_back(T& node) noexcept { insert(node, head_.previous_); }
  void push_front(T& node) noexcept { insert(node, &head_); }
  T* pop_front() noexcept {
    T* n = front();
    if (n) n->unlink();
    return n;
  }
  // Moves all of `other` to the end of this list.
  void take(List& other) noexcept {
    while (T* n = other.pop_front()) push_back(*n);
  }
  template <class F>
  void for_each(F f) const {  // f must not unlink other nodes
    for (ListNode* n = head_.next_; n != &head_;) {
      ListNode* next = n->next_;
      f(*static_cast<T*>(n));
      n = next;
    }
  }

 private:
  void insert(ListNode& node, ListNode* after) noexcept {
    assert(!node.linked());
    node.previous_ = after;
    node.next_ = after->next_;
    after->next_->previous_ = &node;
    after->next_ = &node;
  }
  ListNode head_;
};

}  // namespace gatehouse
