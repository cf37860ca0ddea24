//! SPLIT: arrays cut into pieces, one for each connection.

use crate::error::Problem;
use crate::function::Function;
use crate::pg::calls::Call;
use pgrx::pg_sys::Datum;

/// The array arguments of a call that are to be cut. They are equally long.
pub struct Split {
    arrays: Vec<SplitArray>,
    /// How many elements each has.
    pub length: usize,
}

struct SplitArray {
    argument: usize,
    elements: Vec<Option<Datum>>,
}

impl Split {
    /// Takes the arrays of a call apart. `None` if the function has no SPLIT. A NULL array counts as empty.
    pub fn of_call(function: &Function, call: Call) -> Result<Option<Split>, Problem> {
        let mut length = None;
        let arrays = function
            .split
            .iter()
            .map(|&(argument, element_type)| {
                let elements = match call.argument(argument) {
                    Some(array) => element_type.elements(array).map_err(|_| Problem::SplitDimensions)?,
                    None => Vec::new(),
                };
                if *length.get_or_insert(elements.len()) != elements.len() {
                    return Err(Problem::SplitLengths);
                }
                Ok(SplitArray { argument, elements })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(length.map(|length| Split { arrays, length }))
    }

    /// One element of an argument; `None` if that argument isn't cut.
    pub fn element(&self, argument: usize, number: usize) -> Option<Option<Datum>> {
        self.array(argument).map(|array| array.elements[number])
    }

    /// These elements of an argument, in their order; `None` if that argument isn't cut.
    pub fn piece<'s>(
        &'s self,
        argument: usize,
        elements: &'s [usize],
    ) -> Option<impl ExactSizeIterator<Item = Option<Datum>> + 's> {
        let array = self.array(argument)?;
        Some(elements.iter().map(|&number| array.elements[number]))
    }

    fn array(&self, argument: usize) -> Option<&SplitArray> {
        self.arrays.iter().find(|array| array.argument == argument)
    }
}
