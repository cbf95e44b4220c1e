//! Owns asking a thread for something that takes a while, such as a plan or a comparison: one question at a time, and an
//! answer that came too late is for nobody. Used by the heat map, the model view and the list of models. Must never block.

use std::sync::mpsc::{Receiver, Sender, channel};

use eframe::egui::Context;

/// `B` is what an answer follows from, `A` the answer.
pub struct Question<B, A> {
    asked: Option<B>,
    number: u64,
    is_busy: bool,
    sender: Sender<(u64, A)>,
    receiver: Receiver<(u64, A)>,
}

impl<B, A> Default for Question<B, A> {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self {
            asked: None,
            number: 0,
            is_busy: false,
            sender,
            receiver,
        }
    }
}

impl<B: PartialEq, A: Send + 'static> Question<B, A> {
    /// The answer to the last question with its number, once.
    pub fn answer(&mut self) -> Option<(u64, A)> {
        let mut last = None;
        while let Ok((number, answer)) = self.receiver.try_recv() {
            self.is_busy = false;
            if number == self.number {
                last = Some((number, answer));
            }
        }
        last
    }

    /// Nobody waits any more.
    pub fn forget(&mut self) {
        self.asked = None;
        self.number += 1;
    }

    /// A new question could be asked: no thread runs, and this is not what was asked last.
    pub fn is_new(&self, basis: &B) -> bool {
        !self.is_busy && self.asked.as_ref() != Some(basis)
    }

    /// Asks on a thread; `work` gets the question's number.
    pub fn ask(&mut self, basis: B, ctx: &Context, work: impl FnOnce(u64) -> A + Send + 'static) {
        self.asked = Some(basis);
        self.number += 1;
        self.is_busy = true;
        let (number, sender, ctx) = (self.number, self.sender.clone(), ctx.clone());
        std::thread::spawn(move || {
            let _ = sender.send((number, work(number)));
            ctx.request_repaint();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait<A: Send + 'static>(question: &mut Question<u32, A>) -> Option<(u64, A)> {
        while question.is_busy {
            let answer = question.answer();
            if answer.is_some() {
                return answer;
            }
            std::thread::yield_now();
        }
        None
    }

    #[test]
    fn answers_come_once_and_late_ones_not_at_all() {
        let ctx = Context::default();
        let mut question = Question::default();
        assert!(question.is_new(&7));
        question.ask(7, &ctx, |_| "seven");
        assert!(!question.is_new(&7) && !question.is_new(&8));
        assert_eq!(wait(&mut question), Some((1, "seven")));
        assert!(!question.is_new(&7) && question.is_new(&8));
        question.ask(8, &ctx, |_| "eight");
        question.forget();
        assert_eq!(wait(&mut question), None);
        assert!(question.is_new(&8));
    }
}
